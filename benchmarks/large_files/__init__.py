"""Large files, and what ValidateBatch does with them, in processes whose memory is watched."""
