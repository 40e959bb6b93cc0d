-- How long something is, for sentences: 4.2 s, 48 s, 4 min 10 s, 11 h 56 min, 3 d 2 h; two units, the second where it is
-- not 0. Rounded first, so that nothing says 60 s. console/number_format.py writes the same; a test compares them.
create or replace macro core.two_units(n, per_unit, unit, small_unit) as (
    n // per_unit || ' ' || unit || case when n % per_unit > 0 then ' ' || n % per_unit || ' ' || small_unit else '' end
);
create or replace macro core.duration_text(ms) as (
    case
        when ms < 9950
            then (greatest(ms::bigint, 0) + 50) // 1000 || '.' || (greatest(ms::bigint, 0) + 50) // 100 % 10 || ' s'
        when ms < 59500 then (ms::bigint + 500) // 1000 || ' s'
        when ms < 3599500 then core.two_units((ms::bigint + 500) // 1000, 60, 'min', 's')
        when ms < 172770000 then core.two_units((ms::bigint + 30000) // 60000, 60, 'h', 'min')
        else core.two_units((ms::bigint + 1800000) // 3600000, 24, 'd', 'h')
    end
);
