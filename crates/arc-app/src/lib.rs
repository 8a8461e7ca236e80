//! What the product can do, one file per resource. No HTTP or CLI words.
