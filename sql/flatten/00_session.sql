-- Macros of one load, gone with its connection. The hash key never enters the database: it is a session variable.
create or replace temp macro keyed_hash(value) as
    sha256(getvariable('hmac_outer') || unhex(sha256(getvariable('hmac_inner') || encode(value))));

create or replace temp macro is_kept(column_name) as
    list_contains(getvariable('privacy_keep')::varchar[], column_name);

-- Free text that is kept may still carry an address or a key: titles, tags, messages, metadata are written by programs.
-- Each pattern keeps what stands before it, whole JSON escapes too: `\nowner@x` is a line break and an address, and a
-- half escape would make the JSON unreadable. Written for text and for JSON as text alike.
create or replace temp macro local_part() as '[^\s"\\@<>()\[\]{},;:=/?&|]';

create or replace temp macro without_addresses(value) as
    regexp_replace(
        regexp_replace(value, '(://)[^/\s"\\@<>]+@', '\1<secret>@', 'g'),
        '(?:((?:\\u[[:xdigit:]]{4}|\\.)+)' || local_part() || '*|' || local_part() || '+)(?:@|%40)[\p{L}\p{N}.-]+',
        '\1<address>',
        'g'
    );

-- Keys that their first letters give away: ours, Trigger.dev's, and those of common services.
create or replace temp macro without_known_keys(value) as
    regexp_replace(
        value,
        '((?:\\u[[:xdigit:]]{4}|\\.)+|^|[^\\[:alnum:]_])'
        || '(?:recoup_sk_|[prst]k[-_]|tr_(?:prod|dev|stg|preview)_|whsec_|gh[oprsu]_|github_pat_|xox[a-z]-|AKIA|AIza|eyJ'
        || '|(?i:bearer) +)[[:alnum:]._~+/=-]{6,}',
        '\1<secret>',
        'g'
    );

create or replace temp macro secret_name() as
    '((?i)passw(?:or)?d|secret|token|api[-_ ]?key|access[-_]?key(?:id)?|signature|credential|authorization'
    || '|[?&](?:sig|key|code))';

-- Keys that are called so: "token":"x" (a JSON string, whole), token=x, token: 'x', and the same inside quoted JSON.
create or replace temp macro without_named_keys(value) as
    regexp_replace(
        regexp_replace(value, secret_name() || '("\s*:\s*")(?:[^"\\]|\\.)+', '\1\2<secret>', 'g'),
        secret_name() || '((?:\\"|'')?\s*[:=]\s*(?:\\"|''|(?i:basic) +)?)(?:[^\s"''\\&,;<>()\[\]{}]|\\[^"])+',
        '\1\2<secret>',
        'g'
    );

create or replace temp macro is_suspicious(value) as
    regexp_matches(
        value,
        '(?i)@|%40|[prst]k[-_]|tr_|whsec|gh[oprsu]_|xox|akia|aiza|eyj|bearer|passw|secret|token|key|signature|credential'
        || '|authorization|github|[?&](?:sig|code)='
    );

create or replace temp macro scrubbed(value) as
    case
        when is_suspicious(value) then without_named_keys(without_known_keys(without_addresses(value)))
        else value
    end;

-- All texts of one row at once: DuckDB plans a macro anew wherever it stands, and these patterns are most of a small
-- load's time; and one look over all of them passes by the rows that hold nothing, which is nearly every row.
create or replace temp macro scrubbed_texts(texts) as
    case
        when is_suspicious(array_to_string(texts, ' '))
            then list_transform(texts, lambda each: scrubbed(each))
        else texts
    end;

create or replace temp macro error_text(error, field) as
    case json_type(error)
        when 'OBJECT' then json_extract_string(error, '$.' || field)
        when 'VARCHAR' then case when field = 'message' then json_extract_string(error, '$') end
    end;

-- An instant that no run can have would make calendars without end (recoup/believable.py has the bounds). Here it is an
-- error: the load then reads the batch field by field, and the odd value costs itself alone (load/apart.py).
create or replace temp macro believable(instant, earliest, latest) as
    case
        when instant < getvariable(earliest) or instant > getvariable(latest) then error('no believable instant')
        else instant
    end;

-- Of a run all at once, since each look costs planning: returns the first, when all of them are believable.
create or replace temp macro first_of_run(instant, updated, a, b) as
    case
        when least(instant, updated, a, b) < getvariable('earliest_run')
            or greatest(instant, updated, a, b) > getvariable('latest_run') then error('no believable instant')
        else instant
    end;

create or replace temp macro any_instant(instant) as
    believable(instant, 'earliest_stamp', 'latest_stamp');

-- The order in which observations of one thing count: by when it was updated, then by where the poll showed it; what core
-- knows already has place 0 of answer 0, before all that was staged. As one number, since a window function costs a small
-- poll more than all its other steps.
create or replace temp macro turn(updated_at, response_number, place) as
    (epoch_us(updated_at)::hugeint * 4294967296 + response_number) * 4294967296 + place;

attach if not exists ':memory:' as stage; -- noqa: PRS
