// evalsha_command.hpp: how an encoded EVALSHA becomes an EVAL of the same script. It knows no call.
#pragma once

#include <umbel/command/scripting.hpp>
#include <umbel/resp/encode.hpp>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace umbel::calling {

/// An EVALSHA that is to become an EVAL: the name and the first argument are exchanged, all behind them
/// stays.
class evalsha_command {
public:
    evalsha_command(std::string_view bytes, cluster::command_flags flags,
                    command::script const& script) noexcept
        : bytes_{bytes}, text_{script.text()}, header_{bytes.find('\n') + 1} {
        bool const reads = has(flags, cluster::command_flags::read_only);
        auto const& by_sha1 = reads ? command::specs::evalsha_ro : command::specs::evalsha;
        name_ = (reads ? command::specs::eval_ro : command::specs::eval).wire();
        old_front_ = header_ + by_sha1.wire().size() + resp::bulk_size(command::sha1::digits_count);
    }
    /// Bytes of EVALSHA up to its second argument.
    std::size_t old_front() const noexcept { return old_front_; }
    /// Bytes of EVAL up to its second argument.
    std::size_t new_front() const noexcept { return header_ + name_.size() + resp::bulk_size(text_.size()); }
    /// Writes EVAL up to its second argument. Precondition: new_front() bytes are writable.
    char* put_front(char* at) const noexcept {
        std::memcpy(at, bytes_.data(), header_);
        std::memcpy(at + header_, name_.data(), name_.size());
        return resp::put_bulk(at + header_ + name_.size(), text_);
    }

private:
    std::string_view bytes_;
    std::string_view text_;
    std::string_view name_;
    std::size_t header_;
    std::size_t old_front_;
};

}  // namespace umbel::calling
