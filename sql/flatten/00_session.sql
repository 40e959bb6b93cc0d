-- Macros of one load, gone with its connection. The hash key never enters the database: it is a session variable.
create or replace temp macro keyed_hash(value) as
    sha256(getvariable('hmac_outer') || unhex(sha256(getvariable('hmac_inner') || encode(value))));

create or replace temp macro is_kept(column_name) as
    list_contains(getvariable('privacy_keep')::varchar[], column_name);

-- Free text that is kept may still carry an address or a key: titles, tags, messages and metadata are written by programs.
-- Each pattern keeps what stands before it, whole JSON escapes too: `\nowner@x` is a line break and an address.
create or replace temp macro without_addresses(value) as
    regexp_replace(
        regexp_replace(value, '(://)[^/\s"\\@<>]+@', '\1<secret>@', 'g'),
        '((?:\\u[[:xdigit:]]{4}|\\.)*)[^\s"\\@<>()\[\]{},;:=/?&|]+(?:@|%40)[\p{L}\p{N}.-]+', '\1<address>', 'g'
    );

create or replace temp macro without_keys(value) as
    regexp_replace(
        regexp_replace(
            value,
            '((?:(?:\\u[[:xdigit:]]{4}|\\.)+|\b)(?:recoup_sk_|[sprt]k[-_]|tr_(?:prod|dev|stg|preview)_|whsec_|gh[oprsu]_|github_pat_|xox[a-z]-|AKIA|AIza|eyJ|[Bb]earer +))[[:alnum:]._~+/=-]{6,}',
            '\1<secret>', 'g'
        ),
        '((?i:passw(?:or)?d|secret|token|api[-_ ]?key|access[-_]?key(?:id)?|signature|credential|authorization|[?&](?:sig|key|code))(?:"\s*:\s*"|\\"\s*:\s*\\"|''?\s*[:=]\s*(?:''|\\")?)(?i:basic +)?)(?:[^\s"''\\&,;<>()\[\]{}]|\\[^"])+',
        '\1<secret>', 'g'
    );

create or replace temp macro scrubbed(value) as
    case
        when regexp_matches(value, '(?i)@|%40|[sprt]k[-_]|tr_|whsec|gh[oprsu]_|github_pat|xox|akia|aiza|eyj|bearer|passw|secret|token|key|signature|credential|authorization|[?&](?:sig|code)=')
            then without_keys(without_addresses(value))
        else value
    end;

create or replace temp macro error_text(error, field) as
    case json_type(error)
        when 'OBJECT' then json_extract_string(error, '$.' || field)
        when 'VARCHAR' then case when field = 'message' then json_extract_string(error, '$') end
        else null
    end;

attach if not exists ':memory:' as stage;
