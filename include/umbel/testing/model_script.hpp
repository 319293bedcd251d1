// model_script.hpp: scripts of a model node: a function in the test's own language stands for each text that
// the service under test sends. It knows no node.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/testing/model_store.hpp>

#include <functional>
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

/// Runs EVAL. The model keeps no scripts: EVALSHA is answered with NOSCRIPT. Precondition: `words` have as
/// many keys as they say.
inline model_outcome run_script(std::span<model_script const> known, model_store& store,
                                model_words const& words, engine::instant now) {
    if (same_word(words[0], "evalsha"))
        return {wire::error("NOSCRIPT No matching script. Please use EVAL."), {}};
    std::span const rest = std::span{words}.subspan(3);
    auto const keys = static_cast<std::size_t>(std::atoi(words[2].c_str()));
    for (model_script const& script : known)
        if (script.text == words[1]) return script.run({store, rest.first(keys), rest.subspan(keys), now});
    return {wire::error("ERR the model does not know this script"), {}};
}

}  // namespace umbel::testing
