-- Who promoted a version, and from where what is new in one was brought.

-- The name of the user, or `uid N`; none of a version that was promoted before this layout.
ALTER TABLE version ADD COLUMN promoted_by TEXT;
-- JSON: hosts and files of imported records that brought something new in; none where there are none.
ALTER TABLE version ADD COLUMN origins TEXT;
