//! What every connector must do, whatever its channel.
