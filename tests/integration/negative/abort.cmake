# A client that closes the connections that it gives up: its kernel goes on sending what it holds.
set(header umbel/engine/link.hpp)
set(sound "return phase_ == connection_phase::ready && awaits_nothing ? parting::close : parting::abort;")
set(defective "return defects::has(\"abort\") || (phase_ == connection_phase::ready && awaits_nothing) ? parting::close : parting::abort;")
