// session_turn.hpp: one turn of a session, from its beginning to its end. It knows nothing of what is done in
// between.
#pragma once

#include <umbel/engine/turn_schedule.hpp>

namespace umbel::engine {

/// One turn: marks the session, and reads the clock once. What a handler that throws has kept it from doing
/// is done in another turn. `Port` has the surroundings of a turn, see session_port.
template <class Session, class Port>
class session_turn {
public:
    explicit session_turn(Session& whose) noexcept
        : self_{whose}, before_{whose.turns_.enter()}, surroundings_{whose.port()} {
        whose.now_ = surroundings_.now();
    }
    session_turn(session_turn const&) = delete;
    session_turn& operator=(session_turn const&) = delete;
    ~session_turn() {
        self_.turns_.leave(before_);
        if (!before_.in_turn) self_.settle_up();
    }

private:
    Session& self_;
    turn_schedule::before_turn const before_;
    typename Port::turn_surroundings surroundings_;
};

}  // namespace umbel::engine
