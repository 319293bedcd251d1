// model_script.hpp: scripts of a model node: a function in the test's own language stands for each text that
// the service under test sends. It knows no node.
#pragma once

#include <umbel/command/sha1.hpp>
#include <umbel/engine/instant.hpp>
#include <umbel/testing/model_store.hpp>

#include <cstdlib>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace umbel::testing {

/// What a script is given.
struct script_input {
    model_store& store;
    std::span<std::string const> keys;
    std::span<std::string const> arguments;
    engine::instant now;
};

/// A script that the model knows: its text, and what it does. Whatever it writes it names as changed, so that
/// replicas and the ledger hear of it.
struct model_script {
    std::string text;
    std::function<model_outcome(script_input const&)> run;
};

/// The scripts that a node has been sent, by their SHA1. It forgets them when it ends, or is told to.
using model_script_cache = std::map<std::string, std::string, std::less<>>;

/// Runs EVAL, and EVALSHA of what EVAL has brought. Precondition: `words` have as many keys as they say.
/// Rule: redis-server 7 eval.c, evalGenericCommand().
inline model_outcome run_script(std::span<model_script const> known, model_script_cache& cached,
                                model_store& store, model_words const& words, engine::instant now) {
    std::string text = words[1];
    if (same_word(words[0], "evalsha")) {
        auto const found = cached.find(text);
        if (found == cached.end()) return {wire::error("NOSCRIPT No matching script. Please use EVAL."), {}};
        text = found->second;
    }
    std::span const rest = std::span{words}.subspan(3);
    auto const keys = static_cast<std::size_t>(std::atoi(words[2].c_str()));
    for (model_script const& script : known)
        if (script.text == text) {
            cached[std::string{command::sha1{text}.digits()}] = text;
            return script.run({store, rest.first(keys), rest.subspan(keys), now});
        }
    return {wire::error("ERR the model does not know this script"), {}};
}

}  // namespace umbel::testing
