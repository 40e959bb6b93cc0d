-- Macros of one load, gone with its connection. The hash key never enters the database: it is a session variable.
create or replace temp macro keyed_hash(value) as
    sha256(getvariable('hmac_outer') || unhex(sha256(getvariable('hmac_inner') || encode(value))));

create or replace temp macro is_kept(column_name) as
    list_contains(getvariable('privacy_keep')::varchar[], column_name);

-- Free text that is kept may still carry an address or a key: error messages and metadata are written by programs.
create or replace temp macro scrubbed(value) as
    case
        when regexp_matches(value, '@|recoup_sk_|[Bb]earer |eyJ|sk-')
            then regexp_replace(
                regexp_replace(value, '[[:alnum:]._%+''-]+@[[:alnum:].-]+', '<address>', 'g'),
                '(recoup_sk_|[Bb]earer +|eyJ|sk-)[[:alnum:]._~+/=-]+', '<secret>', 'g'
            )
        else value
    end;

create or replace temp macro error_text(error, field) as
    case json_type(error)
        when 'OBJECT' then json_extract_string(error, '$.' || field)
        when 'VARCHAR' then case when field = 'message' then json_extract_string(error, '$') end
        else null
    end;

attach if not exists ':memory:' as stage;
