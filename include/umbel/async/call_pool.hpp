// call_pool.hpp: the pool of calls: one bounded recycling list a thread. It knows the memory of a call, not
// its meaning.
#pragma once

#include <umbel/async/boundary.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace umbel::async {

/// How an operation begins.
enum class launch_kind : std::uint8_t {
    direct,
    ready,     ///< It has its result already.
    group,     ///< It begins several calls.
    control,   ///< The control plane answers it.
    remedied,  ///< As direct, with a remedy where the node lacks what the call names.
    leased,    ///< The control plane finds it a lease.
    on_lease,  ///< It goes to the lease that its caller holds.
};

/// Where the handler of a call may run; see completion_target.hpp.
enum class affinity : std::uint8_t {
    elsewhere,   ///< Only its executor can tell.
    on_context,  ///< Wherever a connection of the call's context completes it; only that connection keeps the
                 ///< context busy for it.
    anywhere,    ///< Wherever the client completes it.
};

/// What keeps the context of a handler busy until the handler has run.
enum class work_guard_kind : std::uint8_t {
    none,
    executor,      ///< Of the handler's own type of executor.
    io_context,    ///< Of an asio::io_context, whose type-erased executor would cost more.
    left_context,  ///< Of the context that the call has left: in `left_context_space`.
};

struct held_lease;
struct pooled_call;

/// Several calls that answer one operation.
class call_group {
public:
    virtual ~call_group() = default;
    /// Begins every call. The operation's call completes when the last of them has.
    virtual void start(backend& backend) = 0;
    /// True where it sees to it by itself that cancellations find its parts, which it lists later.
    virtual bool lists_parts_later() const noexcept { return false; }
    /// Of a batch that has not begun: each of its commands fails for this reason.
    virtual void fail_all(error const&) noexcept {}
    /// The same: each of its commands has so much time, from its own beginning on.
    virtual void allow_time(engine::duration) noexcept {}
};

/// Who may send a call that has failed by another client, where several clients share a handle.
class call_mover {
public:
    /// Told of each call that fails: true where it goes on by another client, so that nothing is stored. May
    /// change the error that is stored else. Threading: whoever owns the call.
    virtual bool takes(pooled_call& call, error& why) noexcept = 0;

protected:
    ~call_mover() = default;
};

/// Tells an operation whether the client that made it is still there. Handles outlive every client and are
/// never freed, so that an old operation may always look.
struct client_handle {
    std::atomic<async::backend*> backend{nullptr};
    std::atomic<std::uint32_t> generation{0};
    client_handle* next_free = nullptr;
    boundary const* code = nullptr;           ///< Written once, before anybody else knows the handle.
    std::atomic<call_mover*> mover{nullptr};  ///< Only of several clients that share it.
};

/// A call with the memory for everything that comes with it: result, handler and encoded bytes.
///
/// The result takes the place of the encoded bytes, which nobody needs once the last reply has come. The
/// layout lets an ordinary command touch four cache lines: two of the call, one with the handler, one with
/// bytes and result.
struct alignas(64) pooled_call : engine::call {
    static constexpr std::size_t result_bytes = 64;
    static constexpr std::size_t handler_bytes = 160;
    static constexpr std::size_t inline_bytes = 192;
    /// An overflow block up to this size stays with the call when it is recycled.
    static constexpr std::size_t kept_block_bytes = 8 * 1024;

    client_handle* owner = nullptr;
    std::uint32_t generation = 0;
    bool has_result = false;
    // In one byte, which the fast path only reads.
    work_guard_kind work : 4 = work_guard_kind::none;
    bool has_block : 1 = false;
    async::affinity affinity = async::affinity::elsewhere;
    launch_kind launch = launch_kind::direct;
    alignas(std::max_align_t) std::byte handler_space[handler_bytes];
    union {
        alignas(64) std::byte result_space[result_bytes];
        char inline_space[inline_bytes];
    };

    std::uint32_t block_capacity = 0;
    std::uint8_t prefix_bytes = 0;  ///< For command_flags::prefixed.
    bool ends_client = false;       ///< For launch_kind::control: refuses every command that begins later.
    char* block = nullptr;
    union {
        void* box = nullptr;      ///< Memory of a result that is too large for the call.
        std::size_t given_bytes;  ///< Of given_memory; such a result stands in the call.
    };
    std::unique_ptr<call_group> group;  ///< For launch_kind::group.
    union {
        void (*on_control)(backend&, pooled_call&) = nullptr;  ///< For launch_kind::control.
        std::byte* given_memory;  ///< Where a value goes that is read into the caller's memory.
    };
    held_lease* lease = nullptr;  ///< For launch_kind::leased and on_lease: one reference to it, or null.
    alignas(void*) std::byte left_context_space[2 * sizeof(void*)];  ///< For work_guard_kind::left_context.

    pooled_call() noexcept {}

    /// Memory for the encoded command. Errors: throws std::bad_alloc.
    char* reserve(std::size_t bytes_needed) {
        if (bytes_needed <= inline_bytes) return inline_space;
        if (bytes_needed > block_capacity) {
            std::free(std::exchange(block, nullptr));
            block_capacity = 0;
            has_block = false;
            std::size_t const capacity = bytes_needed <= 1024 ? 1024
                                         : bytes_needed <= kept_block_bytes
                                             ? (bytes_needed + 1023) / 1024 * 1024
                                             : bytes_needed;
            block = static_cast<char*>(std::malloc(capacity));
            if (!block) throw_bad_alloc();
            block_capacity = static_cast<std::uint32_t>(std::min<std::size_t>(capacity, 0xffffffffu));
            has_block = true;
        }
        return block;
    }
};

/// True where a call that fails goes on by another client: nothing is stored then. Precondition: it has no
/// result yet.
inline bool moves_on(pooled_call& call, error& why) noexcept {
    UMBEL_ASSERT(!call.has_result);
    call_mover* const mover = call.owner->mover.load(std::memory_order_acquire);
    return mover && call.owner->generation.load(std::memory_order_acquire) == call.generation &&
           mover->takes(call, why);
}

namespace pool {

inline constexpr std::uint32_t calls_max = 4096;

/// The recycled calls of one thread. Trivially destructible, so that access needs no guard; a second
/// thread-local object, the caretaker, empties the list when the thread ends. Without a caretaker the list
/// counts as full.
struct local_list {
    engine::call* head;
    std::uint32_t count;
    bool watched;
};
inline constinit thread_local local_list local{nullptr, calls_max, false};

/// A recycled call of this thread, in its initial state; null if there is none. Cost: two loads and two
/// stores.
UMBEL_ALWAYS_INLINE pooled_call* take_recycled() noexcept {
    engine::call* const head = local.head;
    if (head == nullptr) [[unlikely]]
        return nullptr;
    local.head = head->next;
    --local.count;
    return static_cast<pooled_call*>(head);
}
/// A call of the client in its initial state. Errors: throws std::bad_alloc when the reserve is used up, too.
/// Cost: as take_recycled() when the list has one.
UMBEL_ALWAYS_INLINE pooled_call* take(client_handle& owner) {
    pooled_call* call = take_recycled();
    if (call == nullptr) [[unlikely]]
        call = owner.code->make_call();
    call->owner = &owner;
    return call;
}

/// Puts a call that has nothing of its own any more into this thread's list. Precondition: there is room.
UMBEL_ALWAYS_INLINE void put_back(pooled_call& call) noexcept {
    call.at = engine::call::stage::fresh;
    call.affinity = affinity::elsewhere;
    call.connections_closed = 0;
    call.link = {};
    call.accepted = engine::call::not_begun;
    call.next = local.head;
    local.head = &call;
    ++local.count;
}

/// Takes a call back. Precondition: it has an owner; it holds neither result nor handler nor token, and where
/// it was redirected or repeated, its way. Cost: two loads and two stores, and what makes the call new again.
UMBEL_ALWAYS_INLINE void recycle(pooled_call* call) noexcept {
    bool const full = local.count >= calls_max;
    if (call->retry || call->borrowed || call->has_block || call->launch != launch_kind::direct || full)
        [[unlikely]]
        return call->owner->code->recycle_slow(*call);
    put_back(*call);
}

}  // namespace pool

}  // namespace umbel::async
