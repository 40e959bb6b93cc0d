-- Cents / n as an exact DECIMAL, halves away from zero at the 20th digit: DuckDB's own division would make a DOUBLE of it.
-- The digits become a whole number, are divided as one, and get their point back. NULL when n is 0.
create or replace macro core.divide_cents(cents, n) as (
    (
        (
            2 * replace(abs(cents)::decimal(38, 20)::varchar, '.', '')::hugeint + n::hugeint
        ) // nullif(2 * n::hugeint, 0)
    )::decimal(38, 0) * 0.00000000000000000001::decimal(20, 20) * sign(cents)::decimal(1, 0)
)::decimal(38, 20);
-- The sum of the costs that are known; 0 without rows. NULL when a cost is unknown and the known ones add up to nothing:
-- an unknown cost is not 0.
create or replace macro core.sum_known_cents(cents) as (
    case
        when count(*) filter (cents is null) > 0 then nullif(sum(cents), 0)
        else coalesce(sum(cents), 0)
    end
);
-- Dollars for people and their tools, from exact cents; sums are made of cents first, so that it rounds once. Ten digits
-- after the point are a hundred-millionth of a cent; 28 in all hold every DECIMAL(38, 20) of cents and can be multiplied.
create or replace macro core.usd(cents) as (cents * 0.01)::decimal(28, 10);
