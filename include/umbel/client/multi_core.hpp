// multi_core.hpp: the members of a multi_client as its commands find them, and how these find the code behind
// it. What that does stands in multi_members.hpp.
#pragma once

#include <umbel/client/client.hpp>
#include <umbel/client/multi_options.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace umbel::calling {

/// The members of one multi_client.
/// Threading: any.
class multi_core : public async::call_mover {
public:
    multi_core(multi_core const&) = delete;
    multi_core& operator=(multi_core const&) = delete;
    virtual ~multi_core() = default;

    /// Of the commands that go to whichever member is active when they begin.
    site const& shared_site() const noexcept { return shared_; }
    /// The member that commands go to now. Lifetime: as the multi_client's. Cost: one load.
    client const& active() const noexcept { return *active_.load(std::memory_order_acquire); }

    virtual client const* find(std::string_view name) const noexcept = 0;
    virtual std::vector<member_snapshot> snapshot() const = 0;
    virtual result<void> choose(std::string_view name) = 0;
    virtual void release() = 0;
    virtual operation<ok> close() = 0;
    /// The multi_client goes: every pending call fails with errc::cancelled.
    virtual void shut_down() noexcept = 0;

protected:
    multi_core() = default;

    site shared_;
    std::atomic<client const*> active_{nullptr};
};

/// How a member's client is made.
using member_maker = std::function<client(options const&, cluster::policy const&, std::shared_ptr<observer>)>;

/// Makes the members of a multi_client, which begin to connect. Errors: throws std::bad_alloc, and what the
/// executors throw.
template <class = include_umbel_src_hpp_in_one_source_file>
UMBEL_NEVER_INLINE std::shared_ptr<multi_core> make_members(member_maker const& make,
                                                            multi_options const& chosen,
                                                            cluster::policy const& policy,
                                                            std::shared_ptr<multi_observer> watching);

/// A client of the member that is active now, with the call options of this site, which is a multi_client's.
/// Its operations stay with that member.
inline scoped_client pinned(site const& shared) noexcept {
    site own = shared;
    async::call_mover const* const mover = shared.owner->mover.load(std::memory_order_acquire);
    if (mover && shared.owner->generation.load(std::memory_order_acquire) == shared.generation) {
        site const& member = static_cast<multi_core const*>(mover)->active().site();
        own.owner = member.owner;
        own.generation = member.generation;
        own.learns = member.learns;
        own.waiting_max = member.waiting_max;
    }
    return scoped_client{std::move(own)};
}

}  // namespace umbel::calling
