// credential_source.hpp: asks the user's credential provider, and takes its answers, which come from any
// thread, or never. It decides neither when to ask nor what an answer means.
#pragma once

#include <umbel/credentials.hpp>
#include <umbel/engine/action.hpp>
#include <umbel/engine/event.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// Answers that have come and were not taken yet: as many as can matter, however many come. Of answers to
/// questions the latest good one and the latest failure, of credentials that nobody has asked for the latest.
/// Lifetime: shared by a client and the completions of its questions. Threading: push() and closed() from any
/// thread; take() by the control plane's owner.
class credential_inbox {
public:
    credential_inbox() noexcept = default;
    credential_inbox(credential_inbox const&) = delete;
    credential_inbox& operator=(credential_inbox const&) = delete;

    /// Errors: throws std::bad_alloc.
    void push(credentials_told&& told) {
        if (told.question == 0 && !told.given && !told.why)
            return again_.store(true, std::memory_order_release);
        place& where = told.question == 0 ? pushed_ : told.given ? answer_ : failure_;
        where.put(std::make_unique<credentials_told>(std::move(told)));
    }
    /// Hands what there is to `act(credentials_told&&)`: answers in the order of their questions, then what
    /// nobody has asked for, which takes their place.
    template <class Do>
    void take(Do act) {
        std::unique_ptr<credentials_told> first = answer_.take(), second = failure_.take();
        if (first && second && first->question > second->question) std::swap(first, second);
        for (auto* const told : {&first, &second})
            if (*told) act(std::move(**told));
        if (std::unique_ptr<credentials_told> const pushed = pushed_.take()) act(std::move(*pushed));
        if (again_.exchange(false, std::memory_order_acquire)) act(credentials_told{});
    }
    /// The client has gone.
    void close() noexcept { closed_.store(true, std::memory_order_release); }
    bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

private:
    /// Room for one.
    class place {
    public:
        place() noexcept = default;
        place(place const&) = delete;
        place& operator=(place const&) = delete;
        ~place() { take(); }

        /// Keeps the one with the larger number, or the later one. Whoever finds a larger number than its own
        /// puts that back, and finds its own then, or a still larger one.
        void put(std::unique_ptr<credentials_told> next) noexcept {
            for (;;) {
                std::uint32_t const number = next->question;
                next.reset(held_.exchange(next.release(), std::memory_order_acq_rel));
                if (!next || next->question <= number) return;
            }
        }
        std::unique_ptr<credentials_told> take() noexcept {
            return std::unique_ptr<credentials_told>{held_.exchange(nullptr, std::memory_order_acq_rel)};
        }

    private:
        std::atomic<credentials_told*> held_{nullptr};
    };

    place answer_;
    place failure_;
    place pushed_;
    std::atomic<bool> again_{false};
    std::atomic<bool> closed_{false};
};

/// The provider, and the way of its answers back to the client.
class credential_source {
public:
    explicit credential_source(credential_provider provider) : provider_{std::move(provider)} {}
    credential_source(credential_source const&) = delete;
    credential_source& operator=(credential_source const&) = delete;
    ~credential_source() { close(); }

    /// Asks the provider; the port is woken when its answer has come. What it throws is an answer, too.
    template <class Port>
    void ask(ask_credentials const& what, Port& port) noexcept {
        UMBEL_TRY {
            waker const client{&port, [](void* to, std::shared_ptr<void>&& alive) noexcept {
                                   Port::wake_from_outside(*static_cast<Port*>(to), std::move(alive));
                               }};
            auto const asked = std::make_shared<question>(what.question, inbox_, port.keep_alive(), client);
            UMBEL_TRY {
                provider_({what.node},
                          [asked](result<credentials> answer) { asked->answer(std::move(answer)); });
            }
            UMBEL_CATCH(...) {
                asked->answer(failed(said_by_exception()));
            }
        }
        UMBEL_CATCH(...) {  // Out of memory: the connections that wait find that no answer comes.
        }
    }
    /// What nobody has asked for; null: the present ones are to be said again. Threading: any. Errors:
    /// throws std::bad_alloc.
    void push(std::shared_ptr<credentials const> given) { inbox_->push({0, std::move(given), std::nullopt}); }

    template <class Do>
    void take(Do act) {
        inbox_->take(std::move(act));
    }
    /// Answers come to nothing from now on.
    void close() noexcept { inbox_->close(); }

private:
    /// Tells a client that an answer has come. Threading: any.
    struct waker {
        void* client;
        void (*wake)(void* client, std::shared_ptr<void>&& alive) noexcept;
    };

    static result<credentials> failed(std::string_view why) noexcept {
        return fail(errc::no_credentials, delivery::not_sent, why);
    }
    /// What the exception that is being handled says.
    static std::string said_by_exception() {
#if defined(__cpp_exceptions)
        try {
            throw;
        } catch (std::exception const& thrown) {
            return thrown.what();
        } catch (...) {
        }
#endif
        return "it threw what is no std::exception";
    }

    /// One question: its first answer counts.
    struct question {
        question(std::uint32_t its_number, std::shared_ptr<credential_inbox> to,
                 std::shared_ptr<void> const& alive, waker whom)
            : number{its_number},
              inbox{std::move(to)},
              owner{alive},
              is_owned{alive != nullptr},
              client{whom} {}

        void answer(result<credentials>&& told) noexcept {
            if (answered.exchange(true, std::memory_order_acq_rel) || inbox->closed()) return;
            std::shared_ptr<void> alive = owner.lock();
            if (is_owned && !alive) return;
            UMBEL_TRY {
                if (told)
                    inbox->push({number, std::make_shared<credentials const>(std::move(*told)), {}});
                else
                    inbox->push({number, nullptr, std::move(told.error())});
                client.wake(client.client, std::move(alive));
            }
            UMBEL_CATCH(...) {  // Out of memory: as if no answer had come.
            }
        }

        std::uint32_t const number;
        std::shared_ptr<credential_inbox> const inbox;
        std::weak_ptr<void> const owner;
        bool const is_owned;
        waker const client;
        std::atomic<bool> answered{false};
    };

    credential_provider provider_;
    std::shared_ptr<credential_inbox> inbox_ = std::make_shared<credential_inbox>();
};

}  // namespace umbel::engine
