# A client that forgets what it has given up, and goes on using the connection on which the replies to that will come.
set(header umbel/engine/early_endings.hpp)
set(sound "in_flight_queue::entry::tombstone(call.replies());")
set(defective "in_flight_queue::entry::tombstone(defects::has(\"tombstones\") ? 0 : call.replies());")
