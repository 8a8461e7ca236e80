-- It ended, and its text cannot be read, so nothing in it can be found.
ALTER TABLE runs ADD COLUMN text_is_unreadable BOOLEAN NOT NULL DEFAULT false;
