// sends.hpp: what the two source files of a program know of each other.
#pragma once

#include <umbel/client.hpp>

#include <cstdint>
#include <functional>

/// Asks for a value, and tells `then` whether it failed.
void ask(umbel::client const& db, std::function<void(bool)> then);
/// The same of a command by its words, with a number in it.
void ask_by_words(umbel::client const& db, std::int64_t number, std::function<void(bool)> then);
/// Makes commands with a value, one after the other, and drops each before it begins.
void make_and_drop(umbel::client const& db, int times);
