-- CreateTable
CREATE TABLE "Erasure" (
    "userId" TEXT NOT NULL,
    "pseudonym" TEXT NOT NULL,
    "claimedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Erasure_pkey" PRIMARY KEY ("userId")
);

-- A JSON value with every string, and every key, that equals "from" replaced by "to".
CREATE FUNCTION "replaceString"("value" JSONB, "from" TEXT, "to" TEXT) RETURNS JSONB LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE jsonb_typeof("value")
        WHEN 'string' THEN CASE WHEN "value" #>> '{}' = "from" THEN to_jsonb("to") ELSE "value" END
        WHEN 'array' THEN (
            SELECT coalesce(jsonb_agg("replaceString"(item, "from", "to") ORDER BY nth), '[]')
              FROM jsonb_array_elements("value") WITH ORDINALITY AS items(item, nth))
        WHEN 'object' THEN (
            SELECT coalesce(jsonb_object_agg(
                       CASE WHEN key = "from" THEN "to" ELSE key END, "replaceString"(item, "from", "to")), '{}')
              FROM jsonb_each("value") AS items(key, item))
        ELSE "value" END;
END $$;

-- The row of a room or a participant as JSON, with a user's id replaced in the columns that name users. What only the
-- user wrote is null: in their participant row the device and the session, and if they "owns" the room its name, metadata
-- and idempotency key.
CREATE FUNCTION "eraseInRow"("row" JSONB, "from" TEXT, "to" TEXT, "owns" BOOLEAN) RETURNS JSONB LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, CASE
        WHEN key IN ('deviceId', 'sessionId') AND "row" ->> 'userId' = "from" THEN 'null'
        WHEN key IN ('name', 'metadata', 'clientRequestId', 'requestHash') AND "owns" THEN 'null'
        WHEN key = 'metadata' THEN "replaceString"(value, "from", "to")
        WHEN (key LIKE '%Id' OR key LIKE '%By') AND key <> 'roomId' AND value = to_jsonb("from") THEN to_jsonb("to")
        ELSE value END), '{}')
      FROM jsonb_each("row")
$$;

-- The data of an event, with its rows as by "eraseInRow".
CREATE FUNCTION "eraseInEvent"("data" JSONB, "from" TEXT, "to" TEXT, "owns" BOOLEAN) RETURNS JSONB LANGUAGE sql IMMUTABLE AS $$
    SELECT "data"
        || CASE WHEN "data" ? 'room' THEN jsonb_build_object('room', "eraseInRow"("data" -> 'room', "from", "to", "owns"))
                ELSE '{}' END
        || CASE WHEN "data" ? 'participants' THEN jsonb_build_object('participants', (
                    SELECT coalesce(jsonb_agg("eraseInRow"(person, "from", "to", false) ORDER BY nth), '[]')
                      FROM jsonb_array_elements("data" -> 'participants') WITH ORDINALITY AS people(person, nth)))
                ELSE '{}' END
$$;
