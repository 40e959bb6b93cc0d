-- An amount of cents for sentences: $1,234.50, 43 ¢, 0.0025 ¢; a small one keeps two digits, since 0.04 ¢ is not $0.00.
-- Made of whole numbers, so that no digit is guessed. console/number_format.py writes the same; a test compares them.
create or replace macro core.tiny_cents(cents) as replace(abs(cents)::decimal(38, 20)::varchar, '.', '')::hugeint;
create or replace macro core.rounded_to(n, unit) as (n + unit // 2) // unit * unit;
create or replace macro core.two_digits(n) as (
    core.rounded_to(n, ('1' || repeat('0', greatest(least(length(n::varchar) - 2, 20), 0)))::hugeint)
);
create or replace macro core.pointed(n, digits) as (
    format('{:,}', n // ('1' || repeat('0', digits))::hugeint) || '.'
    || lpad((n % ('1' || repeat('0', digits))::hugeint)::varchar, digits, '0')
);
create or replace macro core.money_text(cents) as (
    case
        when cents is null then '-'
        when cents = 0 then '$0'
        when core.two_digits(core.tiny_cents(cents)) < 10000000000000000000000
            then case when cents < 0 then '-' else '' end
                || rtrim(rtrim(core.pointed(core.two_digits(core.tiny_cents(cents)), 20), '0'), '.') || ' ¢'
        else '$' || case when cents < 0 then '-' else '' end
            || core.pointed(core.rounded_to(core.tiny_cents(cents), 100000000000000000000) // 100000000000000000000, 2)
    end
);
