-- What makes two error messages the same error. Changing any of this is a new version: fingerprints then start anew.
create or replace macro core.fingerprint_version() as 1;
-- A message without what differs between two occurrences: addresses, quoted words, times, ids, numbers.
create or replace macro core.normalised_message(message) as (
    left(trim(
        regexp_replace(
        regexp_replace(
        regexp_replace(
        regexp_replace(
        regexp_replace(
        regexp_replace(
        regexp_replace(left(message, 2000),
            '[A-Za-z][A-Za-z0-9+.-]*://[^\s"''<>`)\]]+', '<url>', 'g'),
            '"[^"]*"|`[^`]*`|“[^”]*”', '<text>', 'g'),
            '(^|[^A-Za-z0-9])''[^'']*''', '\1<text>', 'g'),
            '\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-][\d:]+)?)?|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}', '<id>', 'g'),
            '\b\d+([.,:]\d+)*([A-Za-z]{1,2})?\b', '<n>', 'g'),
            '\b\w*\d\w*\b', '<id>', 'g'),
            '\s+', ' ', 'g')
    ), 300)
);
-- The key of an error group: name and normalised message; where neither was told, the status is all there is.
create or replace macro core.error_fingerprint(name, message, status) as (
    left(md5(concat_ws(
        chr(31),
        core.fingerprint_version(),
        coalesce(name, ''),
        coalesce(core.normalised_message(message), ''),
        case when name is null and message is null then status else '' end
    )), 16)
);
