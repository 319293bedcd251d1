# A client that forgets what it has given up, and goes on using the connection on which the replies to that will come.
set(header umbel/engine/pipeline_impl.hpp)
set(sound "queue_[call.queue_position] = in_flight_queue::entry::tombstone(call.replies());
        if (!send_")
set(defective "queue_[call.queue_position] = in_flight_queue::entry::tombstone(0);
        if (!send_")
