// replay_main: feeds every file of a corpus to a fuzz target, so that each input ever found stays a
// regression test with any compiler.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace {

std::vector<std::filesystem::path> files_below(std::filesystem::path const& root) {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_regular_file(root)) files.push_back(root);
    if (std::filesystem::is_directory(root)) {
        for (auto const& entry : std::filesystem::recursive_directory_iterator{root}) {
            if (entry.is_regular_file()) files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

// An exact allocation: a read past the end is seen by the address sanitizer, which a vector with spare
// capacity would hide.
void replay(std::vector<char> const& content) {
    std::vector<std::uint8_t> const exact(content.begin(), content.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int count, char** arguments) {
    try {
        std::size_t replayed = 0;
        replay({});
        for (int index = 1; index < count; ++index) {
            for (auto const& file : files_below(arguments[index])) {
                std::printf("%s\n", file.c_str());
                std::fflush(stdout);
                std::ifstream stream{file, std::ios::binary};
                replay({std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}});
                ++replayed;
            }
        }
        std::printf("%zu inputs replayed\n", replayed);
        return 0;
    } catch (std::exception const& caught) {
        std::printf("failed: %s\n", caught.what());
        return 1;
    }
}
