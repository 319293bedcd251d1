// umbel included, nothing used.
#include <umbel/client.hpp>
