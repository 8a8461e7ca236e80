-- Runs and how their cost divides are compressed from here on (`packed.rs`); `body` is empty and `costs` NULL then.
ALTER TABLE runs ADD COLUMN packed_body BLOB;
ALTER TABLE runs ADD COLUMN packed_costs BLOB;
