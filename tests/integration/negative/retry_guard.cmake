# A client that sends everything again whose fate it does not know.
set(header umbel/cluster/verdict.hpp)
set(sound "return has(flags, command_flags::read_only) || has(flags, command_flags::idempotent);")
set(defective "return true;")
