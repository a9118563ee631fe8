-- What stands in the way of each of several calls that are about to be made, as "callInTheWay" says of one. "calls" is a
-- JSON array of {id, caller, callee, at, most}, where no user is in two calls: none of them sees the others.
--
-- It takes the locks of "callInTheWay" and waits for none of them, since a transaction that holds some of them while it
-- waits for others could wait in a circle. Of a call with a lock that another transaction holds it says that it is
-- "locked", and nothing else.
CREATE FUNCTION "callsInTheWay"("calls" JSON)
RETURNS TABLE ("callId" UUID, "opposite" UUID, "earlier" UUID, "busy" BOOLEAN, "locked" BOOLEAN)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    "free" UUID[];
BEGIN
    "free" := ARRAY(
        SELECT call."id" FROM json_to_recordset("calls") AS call("id" UUID, "caller" TEXT, "callee" TEXT, "most" INT)
         WHERE pg_try_advisory_xact_lock(
                   hashtextextended(least("caller", "callee") || chr(31) || greatest("caller", "callee"), 0))
           AND ("most" IS NULL OR pg_try_advisory_xact_lock(1, hashtext("callee")))
    );
    -- A statement of its own, which sees what was committed before the locks were taken.
    RETURN QUERY
        SELECT found."id", found."opposite", found."earlier",
               found."most" IS NOT NULL AND found."opposite" IS NULL AND found."earlier" IS NULL AND (
                   SELECT count(*) >= found."most" FROM "Participant" them
                    WHERE them."userId" = found."callee" AND them."ringsUntil" > found."at"
                      AND them."state" = 'invited' AND them."role" <> 'caller' AND them."silent" IS NOT TRUE),
               NOT found."id" = ANY("free")
          FROM (
            SELECT call.*, (
                SELECT room."id" FROM "Room" room
                  JOIN "Participant" me ON me."roomId" = room."id" AND me."userId" = call."caller"
                 WHERE room."callerId" = call."callee" AND room."calleeId" = call."caller" AND room."status" = 'waiting'
                   AND me."state" = 'invited' AND me."ringsUntil" > call."at"
                 ORDER BY room."id" LIMIT 1
            ) AS "opposite", (
                SELECT room."id" FROM "Room" room
                  JOIN "Participant" them ON them."roomId" = room."id" AND them."userId" = call."callee"
                 WHERE room."callerId" = call."caller" AND room."calleeId" = call."callee" AND room."status" = 'waiting'
                   AND them."state" = 'invited'
                 ORDER BY room."id" LIMIT 1
            ) AS "earlier"
              FROM json_to_recordset("calls") AS call("id" UUID, "caller" TEXT, "callee" TEXT, "at" TIMESTAMPTZ, "most" INT)
          ) found;
END $$;
