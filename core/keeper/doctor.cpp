// Owned by the Keeper. Its rounds cost one read of the kernel's counters; only when these have
// grown and somebody is unwell does it look at the wire, for a minute and a few segments.
#include "keeper/doctor.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>

namespace peerhold {
namespace {

constexpr Milliseconds every{5000};
constexpr Examination::Limits of_a_round{Milliseconds(4800), 256, false};  // until the next one
// A peer repeats what is dropped after twice the time each time: it may be long until there is more
// to be seen.
constexpr auto looks_for = std::chrono::seconds(60);
constexpr Examination::Limits when_asked{Milliseconds(5000), 4096, true};
// So few that the capture's filter names each of them: nobody else's bytes cost anything.
constexpr std::size_t patients_of_a_round = 8;
constexpr auto remembered = std::chrono::seconds(30);
constexpr int cap_net_bind_service = 10;  // linux/capability.h

bool has_capability(int number) {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word)
    if (word == "CapEff:" && file >> word)
      return (std::stoull(word, nullptr, 16) >> number & 1) != 0;
  return false;
}

bool grown(const AuthCounters& a, const AuthCounters& b) {
  return dropped_since(a, b) > 0 || a.ttl_dropped != b.ttl_dropped;
}

bool unwell(const Symptoms& s) {
  if (s.state == SessionState::down || s.state == SessionState::failed) return false;
  return s.state != SessionState::established || s.stalled;
}

Diagnosis::Found found(const Facts& facts, Finding what) {
  return {std::string(to_string(what)), words(facts, what)};
}

Diagnosis::Host host_of(const tcp_auth::Support& support, Loop& loop) {
  Diagnosis::Host out;
  utsname name{};
  if (uname(&name) == 0) out.kernel = std::string(name.sysname) + " " + name.release;
  out.tcp_md5 = support.tcp_md5;
  const auto tried = Capture::open(loop, {}, [](const Segment&) {});
  out.may_capture = tried.has_value();
  if (!tried) out.capture_text = tried.error().text;
  out.may_bind_low = has_capability(cap_net_bind_service);
  out.optmem_max = tcp_auth::optmem_max();
  out.keys_per_listener = tcp_auth::keys_per_socket();
  out.counters = read_auth_counters();
  return out;
}

}  // namespace

Doctor::Doctor(House house) : house_(std::move(house)), timer_(house_.loop, [this] { round(); }) {}

void Doctor::start() {
  before_ = read_auth_counters();
  timer_.start(every);
}

Examination::Ward Doctor::ward(const std::vector<std::string>& patients) const {
  Examination::Ward out{house_.loop, house_.find, house_.chain, {}, house_.support.tcp_md5};
  for (const Session* session : house_.sessions())
    if (std::ranges::find(patients, session->name()) == patients.end())
      out.others.push_back(session->who());
  return out;
}

void Doctor::round() {
  timer_.start(every);
  const AuthCounters now = read_auth_counters();
  const bool drops = grown(before_, now);
  before_ = now;
  if (drops) dropped_at_ = house_.loop.now();
  std::erase_if(known_,
                [&](const auto& one) { return house_.loop.now() - one.second.at > remembered; });
  if (round_ || house_.loop.now() - dropped_at_ > looks_for) return;
  std::vector<std::string> patients;
  for (const Session* session : house_.sessions())
    if (unwell(session->symptoms())) patients.push_back(session->name());
  const bool unexplained =
      std::ranges::any_of(patients, [&](const auto& name) { return !known_.contains(name); });
  if (patients.empty() || !(drops || unexplained)) return;
  if (patients.size() > patients_of_a_round) {
    turn_ = (turn_ + patients_of_a_round) % patients.size();
    std::rotate(patients.begin(), patients.begin() + static_cast<std::ptrdiff_t>(turn_),
                patients.end());
    patients.resize(patients_of_a_round);
  }
  round_ = std::make_unique<Examination>(ward(patients), patients, of_a_round,
                                         [this](const std::vector<Facts>& facts) {
                                           round_.reset();
                                           learn(facts);
                                         });
}

void Doctor::learn(const std::vector<Facts>& all) {
  for (const Facts& facts : all) {
    std::optional<Error> error = error_of(facts);
    Session* session = house_.find(facts.session);
    if (!error || session == nullptr || facts.link == Facts::Link::established) continue;
    // One that dials tells it with the end of its attempt.
    const bool dials =
        session->state() == SessionState::connecting || session->state() == SessionState::backoff;
    if (!dials) session->noticed(*error);
    known_[facts.session] = {*std::move(error), house_.loop.now()};
  }
}

std::optional<Error> Doctor::explain(const Session& session) const {
  if (round_)
    if (auto error = round_->so_far(session.name())) return error;
  const auto known = known_.find(session.name());
  if (known == known_.end() || house_.loop.now() - known->second.at > remembered)
    return std::nullopt;
  return known->second.error;
}

std::unique_ptr<Examination> Doctor::examine(const std::string& only,
                                             std::function<void(Diagnosis)> done) {
  std::vector<std::string> names;
  for (const Session* session : house_.sessions())
    if (only.empty() || session->name() == only) names.push_back(session->name());
  Examination::Limits limits = when_asked;
  // With nothing dropped lately it is not worth the wait.
  const bool dropped = !known_.empty() || grown(before_, read_auth_counters());
  limits.resting = dropped || !only.empty();
  limits.links = dropped;
  return std::make_unique<Examination>(
      ward(names), names, limits,
      [this, only, done = std::move(done)](const std::vector<Facts>& all) {
        Diagnosis out;
        for (const Facts& facts : all) {
          Diagnosis::OfSession one{facts.session, facts.peer, {}};
          for (const Finding what : judge(facts)) one.found.push_back(found(facts, what));
          out.sessions.push_back(std::move(one));
        }
        if (only.empty()) out.host = host_of(house_.support, house_.loop);
        done(std::move(out));
      });
}

}  // namespace peerhold
