// Used by the instances of tls for their own session, and by pick() for all that share a listener.
#include "routes.hpp"

#include <algorithm>
#include <utility>

namespace tls {
namespace {

constexpr std::size_t longest_name = 253, longest_label = 63;
constexpr std::string_view any_label = "*.";

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// "*.example.net" takes "a.example.net", and neither "example.net" nor "b.a.example.net".
Fit fit(std::string_view pattern, std::string_view name) {
  if (pattern == name) return Fit::exact;
  if (!pattern.starts_with(any_label)) return Fit::none;
  const auto dot = name.find('.');
  return dot != std::string_view::npos && name.substr(dot) == pattern.substr(1) ? Fit::wildcard
                                                                                : Fit::none;
}

bool takes(const Route& route, const std::vector<std::string>& offered) {
  return route.alpn.empty() || std::ranges::find_first_of(route.alpn, offered) != route.alpn.end();
}

}  // namespace

std::optional<std::string> dns_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > longest_name) return std::nullopt;
  std::string name;
  std::size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return std::nullopt;
      label = 0;
    } else if ((!letter_or_digit(c) && c != '-' && c != '_') || ++label > longest_label) {
      return std::nullopt;
    }
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (label == 0) return std::nullopt;
  return name;
}

std::string wrong_pattern(std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return (c & 0x80) != 0; }))
    return "is not written as clients send it; write its A-label, which begins with \"xn--\"";
  if (text == "*") return "would be every name; leave the route out and write default_app";
  if (text.starts_with(any_label)) text.remove_prefix(any_label.size());
  if (text.find('*') != std::string_view::npos)
    return "has a * that is not its whole first label; a wildcard is written \"*.example.net\"";
  if (!dns_name(text))
    return "is no name of DNS: labels of 1 to 63 letters, digits, - or _, at most 253 in all";
  return {};
}

std::string wrong_protocol(std::string_view text) {
  return text.empty() || text.size() > 255 ? "is no protocol name: 1 to 255 bytes, such as \"h2\""
                                           : "";
}

void Routes::add(const std::vector<std::string>& sni, std::vector<std::string> alpn,
                 std::string app) {
  Route route;
  for (const std::string& text : sni) {
    if (!wrong_pattern(text).empty()) continue;
    const bool wildcard = text.starts_with(any_label);
    const auto name = dns_name(std::string_view(text).substr(wildcard ? any_label.size() : 0));
    if (name) route.names.push_back((wildcard ? std::string(any_label) : "") + *name);
  }
  if (route.names.empty()) return;
  route.label = route.names.front();
  for (const std::string& one : alpn) route.label += " " + one;
  route.alpn = std::move(alpn);
  route.app = std::move(app);
  routes_.push_back(std::move(route));
}

void Routes::add_default(std::string app, std::string label) {
  default_ = Route{{}, {}, std::move(app), std::move(label)};
}

Routes::Found Routes::find(std::string_view name, const std::vector<std::string>& alpn) const {
  Found best;
  for (const Route& route : routes_) {
    if (name.empty() || !takes(route, alpn)) continue;
    for (const std::string& pattern : route.names)
      if (const Fit how = fit(pattern, name); how > best.fit) best = {how, &route};
  }
  if (best.fit == Fit::none && default_) best = {Fit::any, &*default_};
  return best;
}

}  // namespace tls
