// model_request.hpp: takes whole commands off the front of what a model node has received. It knows no
// command.
#pragma once

#include <umbel/testing/model_store.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

namespace umbel::testing {

/// A reader of requests of its own, so that a mistake in the library's encoder meets somebody who did not
/// make it too. Rule: RESP specification, "Sending commands to a Redis server".
class request_reader {
public:
    enum class found : std::uint8_t { command, nothing_yet, nonsense };

    /// Takes the next command off `bytes` into `words`.
    static found take(std::string& bytes, std::size_t& from, model_words& words) {
        std::size_t at = from;
        std::size_t count = 0;
        words.clear();
        if (at >= bytes.size()) return found::nothing_yet;
        if (bytes[at] != '*') return found::nonsense;
        if (found const head = number(bytes, at, count); head != found::command) return head;
        for (std::size_t i = 0; i < count; ++i) {
            std::size_t length = 0;
            if (at >= bytes.size()) return found::nothing_yet;
            if (bytes[at] != '$') return found::nonsense;
            if (found const head = number(bytes, at, length); head != found::command) return head;
            if (bytes.size() < at + length + 2) return found::nothing_yet;
            if (bytes.compare(at + length, 2, "\r\n") != 0) return found::nonsense;
            words.emplace_back(bytes, at, length);
            at += length + 2;
        }
        from = at;
        return count == 0 ? take(bytes, from, words) : found::command;
    }

private:
    /// Reads "<type byte><digits>\r\n".
    static found number(std::string const& bytes, std::size_t& at, std::size_t& value) {
        std::size_t const end = bytes.find("\r\n", at);
        if (end == std::string::npos) return bytes.size() - at > 24 ? found::nonsense : found::nothing_yet;
        value = 0;
        for (std::size_t i = at + 1; i < end; ++i) {
            if (bytes[i] < '0' || bytes[i] > '9') return found::nonsense;
            value = value * 10 + static_cast<std::size_t>(bytes[i] - '0');
        }
        if (end == at + 1) return found::nonsense;
        at = end + 2;
        return found::command;
    }
};

}  // namespace umbel::testing
