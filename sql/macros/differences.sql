-- Is a difference more than noise? Both intervals belong to "second minus first"; when they leave out 0, it is.
-- z is the number of standard errors: 1.959963984540054 for 95 %, 3 for 99.73 % where thousands of days are tested at once.
-- The Wilson score interval of k hits in n trials, at any z; core.wilson_low and core.wilson_high are this one at 95 %.
create or replace macro core.wilson_low_z(k, n, z) as (
    case
        when n is null or k is null or n <= 0 then null
        when k = 0 then 0.0::double
        else (
            2 * k::double + z * z - z * sqrt(z * z + 4 * k::double * (1 - k::double / nullif(n, 0)))
        ) / (2 * (n::double + z * z))
    end
);
create or replace macro core.wilson_high_z(k, n, z) as 1 - core.wilson_low_z(n - k, n, z);
-- Newcombe's interval for k2/n2 - k1/n1, made of the two score intervals; honest for few trials and for 0 or all hits.
create or replace macro core.newcombe_low(k1, n1, k2, n2, z) as (
    k2::double / nullif(n2, 0) - k1::double / nullif(n1, 0) - sqrt(
        pow(k2::double / nullif(n2, 0) - core.wilson_low_z(k2, n2, z), 2)
        + pow(core.wilson_high_z(k1, n1, z) - k1::double / nullif(n1, 0), 2)
    )
);
create or replace macro core.newcombe_high(k1, n1, k2, n2, z) as -core.newcombe_low(k2, n2, k1, n1, z);
-- Welch's interval at 95 % for the difference of two means, from their variances and numbers. NULL below two values a side.
-- Student's quantile by its expansion around the normal one: within 1 % from 3 degrees of freedom on.
create or replace macro core.student_quantile(df) as (
    1.959963984540054
    + 2.3722712303 / df
    + 2.8224986157 / pow(df, 2)
    + 2.5558496795 / pow(df, 3)
    + 1.5895340534 / pow(df, 4)
);
create or replace macro core.welch_error(variance1, n1, variance2, n2) as
    sqrt(variance1 / nullif(n1, 0) + variance2 / nullif(n2, 0));
create or replace macro core.welch_df(variance1, n1, variance2, n2) as (
    pow(variance1 / nullif(n1, 0) + variance2 / nullif(n2, 0), 2) / nullif(
        pow(variance1 / nullif(n1, 0), 2) / nullif(n1 - 1, 0) + pow(variance2 / nullif(n2, 0), 2) / nullif(n2 - 1, 0),
        0
    )
);
create or replace macro core.welch_margin(variance1, n1, variance2, n2) as (
    case
        when n1 < 2 or n2 < 2 then null
        when variance1 = 0 and variance2 = 0 then 0.0
        else core.student_quantile(core.welch_df(variance1, n1, variance2, n2))
            * core.welch_error(variance1, n1, variance2, n2)
    end
);
-- The word for a difference, from its interval: higher or lower when that leaves out 0. Below ten runs a side it says
-- nothing.
create or replace macro core.change_verdict(n1, n2, low, high) as (
    case
        when n1 is null or n2 is null or n1 < 10 or n2 < 10 or low is null or high is null then 'too_few'
        when low > 0 then 'higher'
        when high < 0 then 'lower'
        else 'noise'
    end
);
