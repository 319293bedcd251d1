// for_each_commands.hpp: how a client comes to the elements of a large reply, one by one. How they are handed
// on stands in a header of its own, which only those include who use it: for_each.hpp.
#pragma once

#include <umbel/client/bare_command.hpp>

#include <utility>

namespace umbel {

namespace calling {

template <class Function>
class function_sink;

}  // namespace calling

/// Large replies element by element, for whatever has a site.
template <class Self>
class for_each_commands {
public:
    /// Any command of one slot whose reply is an array, a map or a set: calls `function` with each element as
    /// soon as it has arrived, and keeps none of them. So a reply of any size takes the memory of its largest
    /// element. Needs <umbel/client/for_each.hpp>, where the rules stand.
    ///
    ///     auto told = co_await db.with(umbel::no_deadline).for_each(
    ///         umbel::cmd.hgetall("h"), [&](std::string_view field, std::string_view value) { … });
    ///     // result<elements_given>: told->count pairs; an error says how many it had given
    template <class Value, class Function>
    auto for_each(bare_command<Value> command, Function function) const {
        auto const& self = static_cast<Self const&>(*this);
        return calling::give(self, [&] {
            return calling::function_sink<Function>::begin(self.site(), command, std::move(function));
        });
    }
};

}  // namespace umbel
