// shown.hpp: a list of words as one line of text.
#pragma once

#include <umbel/command/word_list.hpp>

#include <string>

namespace umbel::test {

/// The words with a blank between and an @ in front of each key; or why they are refused.
inline std::string shown(command::word_list const& list) {
    if (list.refusal()) return list.refusal().message;
    std::string line;
    for (command::argument const& word : list.words())
        line.append(line.empty() ? "" : " ").append(word.is_key() ? "@" : "").append(word.text());
    return line;
}

}  // namespace umbel::test
