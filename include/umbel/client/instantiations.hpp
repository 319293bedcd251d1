// instantiations.hpp: the values that nearly every program asks for, and what of them is compiled once where a
// program asks for separate compilation. It knows their names only.
#pragma once

#include <umbel/client/make_operation.hpp>
#include <umbel/command/keys.hpp>
#include <umbel/command/strings.hpp>
#include <umbel/async/awaited.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What one value needs, whatever awaits it. `how` is `extern` for a declaration, nothing for the code itself.
#define UMBEL_COMPILE_VALUE(how, ...)                                                             \
    how template struct umbel::async::result_slot<__VA_ARGS__>;                                     \
    how template struct umbel::async::handler_slot<umbel::async::handler_of_await<__VA_ARGS__>::type, \
                                                 __VA_ARGS__>;                                    \
    how template umbel::operation<__VA_ARGS__> umbel::calling::make(                              \
        umbel::calling::site const&, umbel::command::invocation<__VA_ARGS__> const&);             \
    how template umbel::operation<__VA_ARGS__> umbel::calling::submit(                            \
        umbel::calling::site const&, umbel::command::invocation<__VA_ARGS__> const&);             \
    how template umbel::operation<__VA_ARGS__> umbel::calling::submit_in_general(                 \
        umbel::calling::site const&, umbel::command::command_spec const&, std::string_view)
#define UMBEL_COMPILE_VALUES(how)                          \
    UMBEL_COMPILE_VALUE(how, std::optional<std::string>);  \
    UMBEL_COMPILE_VALUE(how, std::optional<umbel::bytes>); \
    UMBEL_COMPILE_VALUE(how, std::string);                 \
    UMBEL_COMPILE_VALUE(how, umbel::bytes);                \
    UMBEL_COMPILE_VALUE(how, std::int64_t);                \
    UMBEL_COMPILE_VALUE(how, double);                      \
    UMBEL_COMPILE_VALUE(how, bool);                        \
    UMBEL_COMPILE_VALUE(how, umbel::ok);                   \
    UMBEL_COMPILE_VALUE(how, umbel::reply);                \
    UMBEL_COMPILE_VALUE(how, umbel::set_outcome);          \
    UMBEL_COMPILE_VALUE(how, umbel::time_to_live)

#if defined(UMBEL_SEPARATE_COMPILATION)
UMBEL_COMPILE_VALUES(extern);
#endif
