// Owned by keeper/doctor. Never dials while a link is up or opening: a second connection can end
// the first one at a graceful-restart helper (RFC 4724).
#include "keeper/examination.hpp"

#include <algorithm>
#include <cerrno>

#include "net/route.hpp"

namespace peerhold {
namespace {

constexpr Milliseconds look_every{100};
// A signed SYN is sent again after a second; who has not answered two is asked without a signature.
constexpr Milliseconds unsigned_after{1500};
constexpr std::size_t most_dialed = 64;

}  // namespace

Subject Examination::subject_of(const Session& session, const Symptoms& symptoms,
                                const KeyChain* chain) {
  const SessionConfig& config = session.config();
  Subject out;
  out.peer = session.who();
  if (chain != nullptr) out.chain = config.keychain;
  if (const Key* key = session.key()) out.expected = key->id;
  if (const auto hops = config.transport.ttl_security_hops)
    out.least_ttl = static_cast<std::uint8_t>(256 - *hops);
  if (symptoms.link && (symptoms.stalled || symptoms.state == SessionState::established)) {
    out.ways.push_back({symptoms.link->first, symptoms.link->second.port});
    return out;
  }
  if (session.listens()) out.ways.push_back({config.source, 0});
  if (config.mode != Mode::passive) {
    Endpoint from = config.source;
    if (config.mode == Mode::both) from.port = 0;  // the listener has it
    out.ways.push_back({from, config.peer.port});
  }
  return out;
}

Examination::Examination(Ward ward, const std::vector<std::string>& sessions, Limits limits,
                         Done done)
    : ward_(std::move(ward)),
      limits_(limits),
      started_(ward_.loop.now()),
      before_(read_auth_counters()),
      done_(std::move(done)),
      timer_(ward_.loop, [this] { look(); }) {
  std::vector<Subject> subjects;
  for (const std::string& name : sessions) admit(name, subjects);
  const bool any = !subjects.empty();
  if (any) {
    auto observer = Observer::open(ward_.loop, std::move(subjects), ward_.others, ward_.chain,
                                   limits_.segments);
    if (observer) observer_ = *std::move(observer);
  }
  std::size_t dialed = 0;
  for (const auto& patient : patients_) {
    patient->asks = patient->asks && limits_.dials && dialed++ < most_dialed;
    if (!patient->asks) continue;
    Session* session = ward_.find(patient->facts.session);
    if (session->per_client())
      dial(*patient, true);
    else
      session->try_now();  // its own attempt tells as much, and may end the trouble
  }
  timer_.start(any ? look_every : Milliseconds(0));
}

void Examination::admit(const std::string& name, std::vector<Subject>& subjects) {
  const Session* session = ward_.find(name);
  if (session == nullptr) return;
  const SessionConfig& config = session->config();
  const KeyChain* chain = ward_.chain(config.keychain);
  auto patient = std::make_unique<Patient>();
  Facts& f = patient->facts;
  f.session = name;
  f.peer = config.peer_prefix ? config.peer_prefix->to_string() : config.peer.address.to_string();
  if (config.mode != Mode::passive) f.peer_port = config.peer.to_string();
  if (config.source.address) f.source = config.source.address.to_string();
  if (session->listens()) f.listener_at = config.source.to_string();
  if (chain != nullptr) {
    f.chain = config.keychain;
    f.key_valid = chain->any_valid(std::chrono::system_clock::now());
  }
  f.dials = config.mode != Mode::passive;
  f.listens = session->listens();
  f.ttl_security_hops = config.transport.ttl_security_hops;
  f.kernel_has_md5 = ward_.kernel_has_md5;
  refresh(*patient);
  const Symptoms symptoms = session->symptoms();
  if (symptoms.last_error) patient->old_error = symptoms.last_error->at;
  const bool down = symptoms.state == SessionState::down || symptoms.state == SessionState::failed;
  if (!down && looks_at(f)) {
    patient->subject = subjects.size();
    subjects.push_back(subject_of(*session, symptoms, chain));
  }
  patient->asks = f.dials && !f.rests && patient->subject && f.link == Facts::Link::none;
  patients_.push_back(std::move(patient));
}

// What may have changed while we looked.
void Examination::refresh(Patient& patient) const {
  Facts& f = patient.facts;
  const Session* session = ward_.find(f.session);
  if (session == nullptr) return;
  const Symptoms s = session->symptoms();
  if (const Key* key = session->key()) f.expected = key->id;
  f.link = s.stalled                              ? Facts::Link::stalled
           : s.state == SessionState::established ? Facts::Link::established
           : s.state == SessionState::opening     ? Facts::Link::opening
                                                  : Facts::Link::none;
  f.stopped_by_operator = s.state == SessionState::down && session->config().enabled;
  f.rests = s.rests || !session->config().enabled;
  f.last_error.reset();
  if (s.last_error && f.link != Facts::Link::established)
    f.last_error = Error{s.last_error->text, 0, s.last_error->cause};
  if (session->listens() && s.state != SessionState::down && s.state != SessionState::failed)
    f.listener = s.claimed                ? Facts::Socket::open
                 : s.claim_code == ENOMEM ? Facts::Socket::no_room
                                          : Facts::Socket::closed;
  // A persistent session's own attempt.
  if (patient.asks && !session->per_client() && f.link == Facts::Link::none) {
    const bool fresh = s.last_error && s.last_error->at != patient.old_error;
    f.signed_dial = outcome(fresh ? s.last_error->cause : Cause::connect_timeout);
    f.dial_text = fresh ? s.last_error->text : std::string();
  }
}

bool Examination::looks_at(const Facts& f) const {
  if (f.link == Facts::Link::opening) return false;
  if (f.link == Facts::Link::established) return limits_.links;
  return limits_.resting || !f.rests;
}

bool Examination::may_dial(const Patient& patient) const {
  const Session* session = ward_.find(patient.facts.session);
  if (session == nullptr || session->stopping() || !patient.asks) return false;
  return session->state() == SessionState::connecting ||
         session->state() == SessionState::backoff || session->state() == SessionState::listening;
}

void Examination::dial(Patient& patient, bool keyed) {
  const Session* session = ward_.find(patient.facts.session);
  const SessionConfig& config = session->config();
  DialRequest request;
  request.to = config.peer;
  if (config.source.address && !config.source.address.is_any()) {
    request.from = config.source;
    request.from->port = 0;
  }
  request.key = keyed ? session->key() : nullptr;
  request.transport = session->transport();
  const auto spent = std::chrono::duration_cast<Milliseconds>(ward_.loop.now() - started_);
  request.timeout = std::max(limits_.patience - spent, look_every);
  auto& dialer = keyed ? patient.signed_dial : patient.unsigned_dial;
  dialer = Dialer::start(ward_.loop, request, [&patient, keyed](Result<Connected> got) {
    Facts& f = patient.facts;
    (keyed ? f.signed_dial : f.unsigned_dial) =
        got ? Facts::Dial::accepted : outcome(got.error().cause);
    if (keyed && !got && got.error().cause != Cause::connect_timeout)
      f.dial_text = got.error().text;
    // Accepted: nothing is sent, and closing says goodbye.
  });
  if (!keyed && observer_) observer_->ignore(dialer->local());
}

void Examination::look() {
  const auto spent = std::chrono::duration_cast<Milliseconds>(ward_.loop.now() - started_);
  bool all_known = true;
  for (const auto& patient : patients_) {
    refresh(*patient);
    Facts& f = patient->facts;
    if (!may_dial(*patient)) {
      patient->signed_dial.reset();
      patient->unsigned_dial.reset();
    }
    if (!patient->subject || !looks_at(f)) continue;
    using Dial = Facts::Dial;
    const bool seen = observer_ && observer_->of(*patient->subject).says_something();
    const bool said = f.signed_dial != Dial::none && f.signed_dial != Dial::silent;
    const bool answered = f.unsigned_dial != Dial::none && f.unsigned_dial != Dial::silent;
    if (seen || said || answered) continue;
    all_known = false;
    if (!f.chain.empty() && spent >= unsigned_after && !patient->unsigned_dial &&
        f.unsigned_dial == Dial::none && may_dial(*patient))
      dial(*patient, false);
  }
  if (all_known || spent >= limits_.patience) return finish();
  timer_.start(look_every);
}

std::optional<Error> Examination::so_far(const std::string& session) const {
  for (const auto& patient : patients_) {
    if (patient->facts.session != session || !patient->subject || !observer_) continue;
    Facts facts = patient->facts;
    facts.seen = observer_->of(*patient->subject);
    return error_of(facts);
  }
  return std::nullopt;
}

// What it and this host know by themselves.
void Examination::ask_itself(const Session& session, Facts& f) {
  const SessionConfig& config = session.config();
  const SessionStatus status = session.status();
  if (status.health == Health::degraded) {
    f.degraded = status.health_text;
    const bool unreachable = status.last_error &&
                             status.last_error->cause == Cause::app_unreachable &&
                             status.last_error->text == f.degraded;
    if (f.degraded.starts_with(app_is_absent) || unreachable) f.app = status.app_endpoint;
    f.app_calls = config.app_mode == AppMode::listen;
  }
  if (status.state == SessionState::down || status.state == SessionState::failed) return;
  if (f.rests && !f.dials) return;  // who may never come
  if (const auto link = session.symptoms().link)
    f.no_way = no_way(link->second.address, link->first.address, config.transport.interface);
  else if (!config.peer_prefix)
    f.no_way = no_way(config.peer.address, config.source.address, config.transport.interface);
}

void Examination::finish() {
  std::vector<Facts> out;
  const AuthCounters dropped = drops_between(before_, read_auth_counters());
  for (const auto& patient : patients_) {
    Session* session = ward_.find(patient->facts.session);
    if (session == nullptr) continue;  // it has gone meanwhile
    Facts& f = patient->facts;
    f.watched = std::chrono::duration_cast<Milliseconds>(ward_.loop.now() - started_);
    f.dropped = dropped;
    if (observer_ && patient->subject) {
      f.captured = true;
      f.seen = observer_->of(*patient->subject);
    }
    if (patient->unsigned_dial && f.unsigned_dial == Facts::Dial::none)
      f.unsigned_dial = Facts::Dial::silent;
    if (patient->signed_dial && f.signed_dial == Facts::Dial::none)
      f.signed_dial = Facts::Dial::silent;
    if (limits_.dials) ask_itself(*session, f);
    out.push_back(std::move(f));
  }
  observer_.reset();
  const Done done = std::move(done_);
  done(std::move(out));
}

}  // namespace peerhold
