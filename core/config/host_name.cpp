// Names are refused everywhere: a key is bound to an address, and what a name means may change.
#include "config/host_name.hpp"

#include <algorithm>
#include <cctype>

namespace peerhold {

bool looks_like_host_name(std::string_view text) {
  const std::string_view host = text.substr(0, text.find(':'));
  const auto letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  const auto usual = [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '.' || c == '_';
  };
  return std::count(text.begin(), text.end(), ':') <= 1 && !text.starts_with("unix:") &&
         std::any_of(host.begin(), host.end(), letter) &&
         std::all_of(host.begin(), host.end(), usual);
}

}  // namespace peerhold
