# A client that forgets what it has given up, and goes on using the connection on which the replies to that will come.
set(header umbel/engine/pipeline_rare.hpp)
set(sound "ring_[one.position] = ring::entry::tombstone(one.replies_due);
        if (")
set(defective "ring_[one.position] = ring::entry::tombstone(0);
        if (")
