-- severity: warn
-- asset: core.responses
-- A failing row is an answer of the last poll whose server's clock differs from this machine's by more than two minutes.
-- What a poll knows is stamped by this machine, so set its clock. A slow answer alone never fails: the server's time then
-- lies between the request and the end of the answer.
select
    poll_id,
    response_number,
    requested_at,
    server_at,
    received_at
from core.responses
where poll_id in (select max(poll_id) from core.polls group by core.shard_of(poll_id))
    and (
        server_at > received_at + interval 2 minutes
        or server_at < requested_at - interval 2 minutes
    )
