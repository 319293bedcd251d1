// tls_encryption.hpp: what options::tls points to where a program speaks TLS: channels over one context of
// OpenSSL, and another one when certificates are read again.
#pragma once

#include <umbel/encryption.hpp>
#include <umbel/net/tls_channel.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::net {

/// Wipes the secrets of options where a scope ends, whatever happens in it.
struct tls_secrets_wiper {
    tls_options& of;

    ~tls_secrets_wiper() {
        for (std::string* const secret : {&of.key_pem, &of.key_passphrase})
            OPENSSL_cleanse(secret->data(), secret->size());
    }
};

/// Makes the channels of clients. Several clients may share one. Threading: any.
class tls_encryption final : public encryption {
public:
    /// Wipes the secrets of `given`.
    explicit tls_encryption(tls_options&& given) : chosen_{keep(given)} {
        take(tls_context::make(chosen_->options));
    }

    result<void> check() const override {
        std::lock_guard const guard{mutex_};
        if (wrong_) return tl::unexpected<error>{*wrong_};
        return {};
    }
    result<void> reload() override {
        std::lock_guard const reloading{reload_mutex_};
        return take(tls_context::make(chosen_->options));
    }
    /// The same with other options, for certificates that stand in no file. Errors: as reload(); the options
    /// before stay in use.
    result<void> reload(tls_options given) {
        std::unique_ptr<kept_options> chosen = keep(given);
        std::lock_guard const reloading{reload_mutex_};
        auto good = take(tls_context::make(chosen->options));
        if (good) chosen_ = std::move(chosen);
        return good;
    }
    std::unique_ptr<encrypted_channel> open(std::string_view host, std::uint16_t port,
                                            byte_stream& beneath) noexcept override {
        std::shared_ptr<tls_context> context;
        {
            std::lock_guard const guard{mutex_};
            context = context_;
        }
        if (!context) return {};
        return tls_channel::make(std::move(context), host, port, beneath, counters_);
    }

    /// How many connections were opened so far.
    std::uint64_t handshakes() const noexcept {
        return counters_->handshakes.load(std::memory_order_relaxed);
    }
    /// How many of these went on with a session of an earlier one.
    std::uint64_t resumed() const noexcept { return counters_->resumed.load(std::memory_order_relaxed); }

private:
    /// Copied and never moved: what is moved leaves short texts behind.
    struct kept_options {
        tls_options options;
        tls_secrets_wiper const wiper{options};

        explicit kept_options(tls_options const& given) : options{given} {}
        kept_options(kept_options const&) = delete;
        kept_options& operator=(kept_options const&) = delete;
        ~kept_options() = default;
    };
    static std::unique_ptr<kept_options> keep(tls_options& given) {
        tls_secrets_wiper const afterwards{given};
        return std::make_unique<kept_options>(given);
    }

    /// Uses what was read, where nothing is wrong with it.
    result<void> take(result<std::shared_ptr<tls_context>>&& read) {
        std::lock_guard const guard{mutex_};
        if (!read) {
            if (!context_) wrong_ = read.error();
            return tl::unexpected<error>{read.error()};
        }
        wrong_.reset();
        context_ = std::move(*read);
        return {};
    }

    std::mutex reload_mutex_;  ///< Guards chosen_.
    std::unique_ptr<kept_options> chosen_;
    mutable std::mutex mutex_;  ///< Guards what follows; taken where a connection opens.
    std::shared_ptr<tls_context> context_;
    std::optional<error> wrong_;
    std::shared_ptr<tls_counters> const counters_ = std::make_shared<tls_counters>();
};

}  // namespace umbel::net
