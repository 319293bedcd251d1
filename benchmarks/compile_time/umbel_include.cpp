// umbel included, nothing used.
#include <umbel.hpp>
