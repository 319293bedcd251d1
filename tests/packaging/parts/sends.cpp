// sends.cpp: a source file that sends commands and knows <umbel/client.hpp> only.
#include "sends.hpp"

#include <utility>

void ask(umbel::client const& db, std::function<void(bool)> then) {
    db.get("key")([then = std::move(then)](auto const& result) { then(!result.has_value()); });
}

void ask_by_words(umbel::client const& db, std::int64_t number, std::function<void(bool)> then) {
    db.command<std::int64_t>("INCRBY", umbel::key("n"), number)(
        [then = std::move(then)](auto const& result) { then(!result.has_value()); });
}

void make_and_drop(umbel::client const& db, int times) {
    for (int i = 0; i != times; ++i) static_cast<void>(db.set("key", "value"));
}
