-- Wilson score interval (95 %: z = 1.959964, z squared = 3.841459) of k hits in n trials; NULL when n is 0.
-- Exactly 0 without a hit and exactly 1 without a miss: rounding must not make a certain bound uncertain.
create or replace macro core.wilson_low(k, n) as (
    case
        when n is null or k is null or n <= 0 then null
        when k = 0 then 0.0::double
        else (
            2 * k::double + 3.8414588206941236::double
            - 1.959963984540054::double * sqrt(3.8414588206941236::double + 4 * k::double * (1 - k::double / nullif(n, 0)))
        ) / (2 * (n::double + 3.8414588206941236::double))
    end
);
create or replace macro core.wilson_high(k, n) as 1 - core.wilson_low(n - k, n);
