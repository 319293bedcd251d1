// learning_batch.hpp: a batch that begins when its commands are known. It is compiled with the client, behind
// calling::encoding.
#pragma once

#include <umbel/async/batch_run.hpp>
#include <umbel/client/learning_call.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::calling {

/// Waits in the place of a batch, which takes the place then, and encodes its commands by what is known.
class learning_batch final : public learning_wait {
public:
    learning_batch(async::pooled_call& whole, learned_commands& book, site const& from,
                   std::vector<std::string>&& names)
        : learning_wait{whole, book, from, std::move(names)} {}

    void stand_before(std::unique_ptr<async::call_group> batch) noexcept { batch_ = std::move(batch); }

    void fail_all(error const& why) noexcept override { batch_->fail_all(why); }

private:
    void go_on(async::backend& where) override {
        async::pooled_call& call = whole();
        batch_->allow_time(from().options.deadline);
        token_share const kept{token_of(call)};
        auto const alive = where.weak_from_this().lock();
        // This ends with the function: the batch has its place.
        std::unique_ptr<async::call_group> const self = std::exchange(call.group, std::move(batch_));
        call.group->start(where);
        kept.parts_are_listed(where);
    }

    std::unique_ptr<async::call_group> batch_;
};

/// Behind encoding::learn_first.
inline std::unique_ptr<async::call_group> learn_first(async::pooled_call& whole, site const& site,
                                                      async::batch_part const* first,
                                                      std::unique_ptr<async::call_group> batch) noexcept {
    std::unique_ptr<learning_batch> made;
    static_cast<void>(async::try_alloc([&] {
        unlearned_names names{site};
        for (async::batch_part const* part = first; part; part = part->next)
            if (std::string_view const bytes = part->unusual ? part->unusual->words() : std::string_view{};
                !bytes.empty())
                names.add(bytes);
        if (!names.empty()) made = std::make_unique<learning_batch>(whole, names.book(), site, names.take());
    }));
    if (!made) return batch;
    made->stand_before(std::move(batch));
    return made;
}

}  // namespace umbel::calling
