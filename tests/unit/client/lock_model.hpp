// lock_model.hpp: the scripts of umbel::lock for a model cluster. Keys expire in them, which the model itself
// does not know: the time stands behind the token.
#pragma once

#include <umbel/client/lock.hpp>
#include <umbel/testing/service/stage.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

namespace lock_model {

using namespace umbel::testing;

/// A lock's key: its token and when it expires.
struct held_key {
    std::string token;
    long long until = 0;  ///< Units: milliseconds.
};

inline long long milliseconds_of(umbel::engine::instant now) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}
inline held_key read(script_input const& given) {
    auto const at = given.store.find(given.keys[0]);
    if (at == given.store.end()) return {};
    auto const bar = at->second.text.find('|');
    held_key found{at->second.text.substr(0, bar), std::atoll(at->second.text.c_str() + bar + 1)};
    return found.until > milliseconds_of(given.now) ? found : held_key{};
}
inline void write(script_input const& given, std::string const& token) {
    long long const until = milliseconds_of(given.now) + std::atoll(given.arguments[1].c_str());
    given.store[given.keys[0]].text = token + "|" + std::to_string(until);
}

inline std::vector<model_script> scripts() {
    namespace texts = umbel::calling::lock_scripts;
    return {{std::string{texts::take.text()},
             [](script_input const& given) -> model_outcome {
                 held_key const held = read(given);
                 if (!held.token.empty() && held.token != given.arguments[0])
                     return {wire::integer(milliseconds_of(given.now) - held.until), {}};
                 write(given, given.arguments[0]);
                 long long const number = std::atoll(given.store[given.keys[1]].text.c_str()) + 1;
                 given.store[given.keys[1]].text = std::to_string(number);
                 return {wire::integer(number), {given.keys[0], given.keys[1]}};
             }},
            {std::string{texts::extend.text()},
             [](script_input const& given) -> model_outcome {
                 if (read(given).token != given.arguments[0]) return {wire::integer(0), {}};
                 write(given, given.arguments[0]);
                 return {wire::integer(1), {given.keys[0]}};
             }},
            {std::string{texts::give_back.text()}, [](script_input const& given) -> model_outcome {
                 if (read(given).token != given.arguments[0]) return {wire::integer(0), {}};
                 given.store.erase(given.keys[0]);
                 return {wire::integer(1), {given.keys[0]}};
             }}};
}

}  // namespace lock_model
