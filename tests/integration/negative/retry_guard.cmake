# A client that sends everything again whose fate it does not know.
set(header umbel/cluster/verdict.hpp)
set(sound "case umbel::retry_unknown::reads: return has(flags, command_flags::read_only);")
set(defective "case umbel::retry_unknown::reads: return defects::has(\"retry_guard\") || has(flags, command_flags::read_only);")
