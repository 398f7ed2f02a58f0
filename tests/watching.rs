//! `watch_config`: a change of the configuration's files is a reload, however it is made.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Receiver, Running, SOON, Shipper, Site, Transport, wait_until};

const LOADED: &str = "the configuration is loaded anew";
const REFUSED: &str = "the new configuration is refused";

fn shipper(site: &Site, receiver: &Receiver) -> Shipper {
    Shipper::new(site)
        .follow("app.log")
        .to(&receiver.endpoint())
        .reading_from_start()
        .arg("--watch-config")
}

fn count(running: &Running, text: &str) -> usize {
    running.log_lines(&[text]).count()
}

/// Makes a change and waits until it has led to one more line that says `text`.
fn after(running: &Running, text: &str, change: impl FnOnce()) {
    let before = count(running, text);
    change();
    wait_until(text, SOON, || count(running, text) > before);
}

/// Has the main file say `more` too, by renaming another over it, as editors do.
fn replace(path: &Path, more: &str) {
    let text = fs::read_to_string(path).unwrap();
    let other = path.with_extension("new");
    fs::write(&other, format!("{text}{more}\n")).unwrap();
    fs::rename(&other, path).unwrap();
}

#[test]
fn a_file_that_is_written_or_replaced_is_loaded_again_and_a_broken_one_refused() {
    let (site, receiver) = (Site::new(), Receiver::new(Transport::Tcp));
    site.append("app.log", "first\n");
    let with = shipper(&site, &receiver);
    let path = with.site_path("conf.yml");
    let mut running = with.start();
    receiver.wait_for_text("first");
    after(&running, LOADED, || replace(&path, "facility: local3"));
    site.append("app.log", "second\n");
    receiver.wait_for_text("second");
    // In place, and twice at once.
    let good = fs::read(&path).unwrap();
    after(&running, REFUSED, || {
        fs::write(&path, "files: [").unwrap();
        fs::write(&path, "files: [ {").unwrap();
    });
    site.append("app.log", "third\n");
    receiver.wait_for_text("third");
    after(&running, LOADED, || fs::write(&path, good).unwrap());
    // Reading it is no change.
    let counts = (count(&running, LOADED), count(&running, REFUSED));
    assert_eq!(counts, (2, 1));
    sleep(Duration::from_millis(1500));
    assert_eq!((count(&running, LOADED), count(&running, REFUSED)), counts);
    running.term();
    let messages = receiver.messages();
    let priorities: Vec<_> = messages.iter().map(|message| message.priority).collect();
    assert_eq!(priorities, [13, 157, 157], "a refused configuration changes nothing");
}

#[test]
fn what_is_included_counts_when_it_comes_and_when_it_goes() {
    let (site, receiver) = (Site::new(), Receiver::new(Transport::Tcp));
    site.append("app.log", "first\n");
    site.append("other.log", "other\n");
    let with = shipper(&site, &receiver);
    let directory = with.site_path("d");
    let with = with.yaml(&format!("include: {}/*.yml", directory.display()));
    let mut running = with.start();
    receiver.wait_for_text("first");
    let entry = format!("files: [{}]\n", site.dir().join("other.log").display());
    // The directory is not there before.
    after(&running, LOADED, || {
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("a.yml"), &entry).unwrap();
    });
    running.wait_following("other.log");
    site.append("other.log", "from the included\n");
    receiver.wait_for_text("from the included");
    after(&running, LOADED, || fs::remove_file(directory.join("a.yml")).unwrap());
    after(&running, REFUSED, || fs::write(directory.join("b.yml"), "destination: {}\n").unwrap());
    running.term();
}

#[test]
fn the_link_of_a_config_map_is_swapped() {
    let (site, receiver) = (Site::new(), Receiver::new(Transport::Tcp));
    site.append("app.log", "first\n");
    let with = shipper(&site, &receiver);
    let path = with.write_config();
    let text = fs::read_to_string(&path).unwrap();
    let mount = site.dir().join("mount");
    let version = |name: &str, text: &str| {
        fs::create_dir_all(mount.join(name)).unwrap();
        fs::write(mount.join(name).join("conf.yml"), text).unwrap();
    };
    version("..1", &text);
    symlink("..1", mount.join("..data")).unwrap();
    symlink("..data/conf.yml", mount.join("conf.yml")).unwrap();
    let mut running = with.arg("-c").arg(mount.join("conf.yml")).start();
    receiver.wait_for_text("first");
    for (number, facility) in [(2, "local2"), (3, "local3")] {
        after(&running, LOADED, || {
            version(&format!("..{number}"), &format!("{text}facility: {facility}\n"));
            symlink(format!("..{number}"), mount.join("..data_tmp")).unwrap();
            fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
            fs::remove_dir_all(mount.join(format!("..{}", number - 1))).unwrap();
        });
    }
    site.append("app.log", "last\n");
    receiver.wait_for_text("last");
    running.term();
    assert_eq!(receiver.messages().last().unwrap().priority, 157);
}

#[test]
fn a_certificate_that_is_renewed_and_the_switch_itself_count() {
    let (site, receiver) = (Site::new(), Receiver::new(Transport::Tls));
    site.append("app.log", "first\n");
    let with = shipper(&site, &receiver);
    let authorities = site.dir().join("ca.pem");
    fs::copy(receiver.endpoint().trust.unwrap(), &authorities).unwrap();
    let with = with.env("REMOTE_SYSLOG_DESTINATION_CA_FILE", &authorities);
    let path = with.site_path("conf.yml");
    let mut running = with.start();
    receiver.wait_for_text("first");
    let pem = fs::read(&authorities).unwrap();
    after(&running, LOADED, || {
        let other = authorities.with_extension("new");
        fs::write(&other, pem).unwrap();
        fs::rename(&other, &authorities).unwrap();
    });
    // A flag wins over the file.
    after(&running, LOADED, || replace(&path, "watch_config: false"));
    after(&running, LOADED, || replace(&path, "facility: local1"));
    running.term();
}

/// Files come and go in `ca_dir`: what is there is what is trusted.
#[test]
fn a_directory_of_authorities_is_watched() {
    let (site, receiver) = (Site::new(), Receiver::new(Transport::Tls));
    let other = Receiver::new(Transport::Tls);
    let [ours, others] = [&receiver, &other].map(|it| it.certificates().unwrap().authority());
    let dir = site.make_dir("authorities");
    fs::copy(others, dir.join("other.pem")).unwrap();
    site.append("app.log", "first\n");
    let shipper = shipper(&site, &receiver).env("REMOTE_SYSLOG_DESTINATION_CA_DIR", &dir);
    let mut running = shipper.start();
    running.wait_warning(&["an authority that is not trusted here", "destination.ca_dir"]);
    after(&running, LOADED, || {
        fs::copy(&ours, dir.join("new.pem")).unwrap();
    });
    receiver.wait_for_text("first");
    // One that is broken harms no other.
    after(&running, LOADED, || fs::write(dir.join("other.pem"), "half a file").unwrap());
    after(&running, REFUSED, || fs::remove_file(dir.join("new.pem")).unwrap());
    site.append("app.log", "second\n");
    receiver.wait_for_text("second");
    running.term();
}
