//! The storage backends, side by side. The only SQL.
