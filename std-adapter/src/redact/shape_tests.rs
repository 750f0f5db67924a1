//! Where a name and its secret stand: each shape, and what only looks like it.

use super::{json, text};
use serde_json::Value;

/// Put together here so that no scanner of repositories takes this file for a leak.
const SECRET: &str = concat!("hun", "ter2x9");
const LONG: &str = concat!("abcd1234", "efgh5678");

/// `@` and `~` are the secrets.
fn filled(shape: &str) -> String {
    shape.replace('@', SECRET).replace('~', LONG)
}

/// As it stands in a string of JSON, and that in one, too.
fn escaped(said: &str) -> [String; 3] {
    let once = Value::from(said).to_string();
    let twice = Value::from(&*once).to_string();
    [said.to_owned(), once, twice]
}

#[track_caller]
fn masked(shapes: &[&str]) {
    for shape in shapes {
        for (level, said) in escaped(&filled(shape)).iter().enumerate() {
            let masked = text(said);
            let left = masked.contains(SECRET) || masked.contains(LONG);
            assert!(!left && masked.contains("[redacted: "), "{level}: {masked}");
            assert_eq!(text(&masked), masked, "once is enough");
            if let Ok(Value::String(_)) = serde_json::from_str(said) {
                serde_json::from_str::<Value>(&masked).expect(&masked);
            }
        }
    }
}

#[track_caller]
fn stays(shapes: &[&str]) {
    for shape in shapes {
        for said in escaped(&filled(shape)) {
            assert_eq!(text(&said), said);
        }
        if serde_json::from_str::<Value>(&filled(shape)).is_ok() {
            let said = filled(shape);
            assert_eq!(json(&said).unwrap(), said);
        }
    }
}

/// As text, as text within JSON, and as the JSON that it is.
#[track_caller]
fn masked_json(shapes: &[&str]) {
    masked(shapes);
    for shape in shapes {
        let said = filled(shape);
        let before = serde_json::from_str(&said).unwrap();
        for masked in [json(&said).unwrap(), text(&said)] {
            let left = masked.contains(SECRET) || masked.contains(LONG);
            assert!(!left && masked.contains("[redacted: "), "{masked}");
            let after = serde_json::from_str(&masked).expect(&masked);
            assert!(same_shape(&before, &after), "{masked}");
        }
    }
}

fn same_shape(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| same_shape(v, &b[k]))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
        }
        (Value::String(_), Value::String(_)) => true,
        _ => a == b,
    }
}

#[test]
fn a_value_beside_its_name() {
    masked_json(&[
        r#"{"name":"DB_PASSWORD","value":"@"}"#,
        r#"[{"Key": "DB_PASSWORD", "Value": "@"}]"#,
        r#"{"key":"API_KEY","value":"~"}"#,
        r#"{"env":[{"name":"A","value":"b"},{"name":"DB_PASSWORD","value":"@"}]}"#,
        r#"{"Name":"/prod/db/password","Type":"SecureString","Version":1,"Value":"@"}"#,
        "{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"@\"\n}",
        r#"{"header":"Authorization","value":"Bearer ~"}"#,
    ]);
    // What stands between has its own.
    for said in [
        r#"{"name":"DB_PASSWORD","api_key":"~","value":"admin"}"#,
        r#"{"name":"DB_PASSWORD","note":"API_KEY=~","value":"admin"}"#,
    ] {
        assert!(!text(&filled(said)).contains(LONG), "{said}");
    }
    masked(&[
        "- name: DB_PASSWORD\n  value: @",
        "- name: DB_PASSWORD\n  value: \"@\"",
        "<add key=\"ApiKey\" value=\"~\"/>",
    ]);
    stays(&[
        r#"{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"prod1","key":"password1"}}}"#,
        r#"{"name":"DB_PASSWORD","value":"${DB_PASSWORD1}"}"#,
        r#"{"name":"DB_PASSWORD"},{"name":"USER","value":"admin123"}"#,
        r#"[{"name":"DB_PASSWORD"},{"name":"USER","value":"admin123"}]"#,
        r#"[{"name":"DB_PASSWORD","value":{"name":"USER","value":"admin123"}}]"#,
        "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: app1-secrets",
        "- name: DB_PASSWORD\n- name: USER\n  value: admin123",
    ]);
}

#[test]
fn arrays_and_objects_under_a_name() {
    masked_json(&[
        r#"{"password":["@"]}"#,
        r#"{"passwords":["@","@"],"n":"x"}"#,
        r#"{"passwords":["","admin","$PASSWORD", "@"]}"#,
        "{\"api_keys\": [\n  \"~\",\n  \"~\"\n]}",
        r#"{"password":{"value":"@"}}"#,
        r#"{"password":{"type":"string","default":"@"}}"#,
        r#"{"passwords":[{"value":"@"},{"n":1,"value":"@"}]}"#,
        r#"{"tokens":["the","~"]}"#,
    ]);
    // As members only.
    let said = filled(r#"{"passwords":[{"value":"@"},{"value":"@"},"@"],"n":"@"}"#);
    let mark = "[redacted: password]";
    let after = said.replacen(SECRET, mark, 3);
    assert_eq!(json(&said).unwrap(), after);
    masked(&[
        "passwords:\n  - @\n  - \"@\"\n  - @\nuser: x",
        "password:\n  value: @",
        "'passwords' => ['@', '@'],",
    ]);
    stays(&[
        r#"{"password":{"type":"string","description":"8 letters, 1 digit","value":null}}"#,
        r#"{"password":{"user":{"value":"admin123"}}}"#,
        r#"{"password":{"minLength":8},"value":"admin123"}"#,
        r#"{"tokens":["the","quick","brown4"],"passwords":[],"password":[null,1,true]}"#,
        r#"{"secret":{"value":"in the vault"},"passwords":{"rules":["8 letters"]}}"#,
        "passwords:\n  - min: 8letters\n  - max: 64letters",
    ]);
}

#[test]
fn a_value_behind_its_name_in_a_list() {
    masked_json(&[
        r#"["mysql","--password","@"]"#,
        r#"["mysql", "--password", "secret-@", "db"]"#,
        r#"{"command":["mysql","-password","@"]}"#,
        r#"{"args":["--api-key","~"]}"#,
        r#"{"args":["--token=~"]}"#,
        "[\n  \"--password\",\n  \"@\"\n]",
        r#"["Authorization","Bearer ~"]"#,
        r#"[["X-Api-Key","~0"]]"#,
        r#"["Cookie","sid=~"]"#,
    ]);
    masked(&[
        "args:\n  - --password\n  - @\n",
        "define('DB_PASSWORD', '@');",
        "os.environ.setdefault(\"API_KEY\", \"~\")",
        "headers.set(\"Authorization\", \"Bearer ~\")",
    ]);
    stays(&[
        r#"["--password"]"#,
        r#"["--password","--user2","admin123"]"#,
        r#"["--password","-u","admin123"]"#,
        r#"["username","password","email1234"]"#,
        r#"["password","--user"]"#,
        r#"[["--password"],["admin123"]]"#,
        r#"{"a":"--password","b":"admin123"}"#,
        r#"["Authorization","Content-Type2"]"#,
        r#"["Authorization","Bearer <token1>"]"#,
        r#"["--api-key","$API_KEY1"]"#,
        r#"click.option("--api-key", "api_key", help="x")"#,
        r#"add_argument("--password", "-p2", help="x")"#,
        r#"option("--token", "the token of user 1")"#,
        r#"getenv("DB_PASSWORD", "admin123")"#,
    ]);
}

#[test]
fn blanks_and_lines_between_a_name_and_its_value() {
    masked(&[
        "password:    @",
        "password                 = \"@\"",
        "password\t\t=\t\t@",
        "password:\u{a0}@",
        "password：@",
        "{\n  \"password\":\n    \"@\"\n}",
        "{\r\n  \"password\":\r\n    \"@\"\r\n}",
        "password:\n  @\nuser: x",
        "Password: \n@",
        "--password \\\n  @ --user x",
        "--password \\\r\n  '@' --user x",
        "--password\n@",
        "--password    @",
        "-password @",
        "setenv DB_PASSWORD @",
        "DB_PASSWORD ?= @",
        "https://h/?next=%2Fapi_key%3D~",
        "{\"\"password\"\":\"\"@\"\"}",
        "password=\"\"@\"\"",
    ]);
    // What ends with a backslash.
    masked_json(&[r#"{"password":"@\\","api_key":"~\\\\","n":"x"}"#]);
    stays(&[
        "--password --user2 admin123",
        "--password --username2 x",
        "--password \\\n  --user2 admin123",
        "--password\n    Set the password of user 1",
        "--password\n    password2 is what one types",
        "password:\n\n\"admin123\"",
        "password:\n  \"type1\": \"string\"",
        "password:\n  type1234: x",
        "API keys:\nsha256sum is needed",
        "password\nadmin1234",
        "setenv PATH admin123",
        "password::hash1234 api_key == default1",
        "a dash-password admin123",
    ]);
}

#[test]
fn names_with_more_behind_them() {
    masked(&[
        "DB_PASSWORD_2=@",
        "PASSWORD1=@",
        "API_KEY_1=~",
        "OPENAI_API_KEY_DEV=~",
        "openai_api_key_prod: ~",
        "SECRET_KEY_BASE=~",
        "DB_PASS=@",
        "PASS=@",
        "MYSQL_PWD=@",
        "pwd: @",
        "\"pwd\":\"@\"",
        "smtp_pass: @",
        "dbPass: '@'",
        "auth: { user: 'x', pass: '@' }",
        "mysql --pass @",
    ]);
    // A variable needs no digit.
    assert_eq!(text("DB_PASS=correcthorse"), "DB_PASS=[redacted: password]");
    stays(&[
        "PWD=/home/me2 OLDPWD=/home/me22",
        "PWD=C:\\Users\\me2 cwd=work2/dir",
        r#"{"cwd":"/home/me2","pwd":"/home/me22","PWD":"D:\\work22"}"#,
        "pwd: work22/dir22",
        "PASS: test_of_8_things PASS=120000 FAIL=0 pass: 12 tests",
        "pass: first123 PASS: 12345678",
        "compass=north123 bypass: rule1234 \"trespass\": \"rule1234\"",
        "two_pass: true, \"pass\": \"shadow\"",
        "tokens = 5, max_tokens: 4096, max_tokens: 1.2000000000000001",
        "MAX_TOKENS=131072000 tokens: 12,345,678,901,234",
        "PASSWORD_MIN_LENGTH=12345678 password_file=/run/x API_KEY_FILE=conf/key1",
        "API_KEY_ID=key12345",
        "const FLAGS_PASS = Flags::FLAGS_PASS;",
        "[`ToTokens`]: https://docs.rs/quote/1.0/quote/trait.ToTokens.html",
        r#"cookies = ["dep:cookie_crate", "dep:cookie_store"]"#,
        "('User:Pass', 'www.example.org:080')",
    ]);
}

#[test]
fn markup_around_a_name() {
    masked(&[
        "**password**: @",
        "**Password:** @",
        "- **Password:** `@`",
        "__password__: @",
        "`password`: @",
        "`password`: `@`",
        "**`password`**: @",
        "*password*: **@**",
    ]);
    stays(&[
        "**password**: what one types in step2",
        "`password`: str, `api_key`: Option<String>",
        "**Passwords** must be long2 and `password` is one",
        "**password**: ********",
    ]);
}

#[test]
fn words_of_commands() {
    masked(&[
        "curl -u user:@ https://h",
        "curl -s -X POST -u 'user:@' https://h",
        "curl --user=user:@ h",
        "[\"curl\",\"-u\",\"user:@\"]",
        "sshpass -p @ ssh host",
        "[\"sshpass\",\"-p\",\"@\",\"ssh\"]",
        "machine github.com login bob password @",
        "machine github.com\n  login bob\n  password @\n",
        "https://discord.com/api/webhooks/123456789012345678/~~~~",
        "https://hooks.slack.com/triggers/T00000000/123456789/~",
    ]);
    stays(&[
        "curl -u $USER:$PASS2345 h; curl -u user h:80",
        "curl https://h:8080/user2:name2; docker run -u 1000:1000 x",
        "curl -u user:<password> h; curl -u user: h",
        "sshpass -e ssh h; sshpass -p $PASS2345 ssh",
        "the machine you login with password reset1",
        "https://discord.com/api/webhooks/123/abc",
    ]);
}

#[test]
fn what_says_nothing_stays() {
    stays(&[
        r#"{"password": null, "token": true}"#,
        "password: str",
        "password: Optional[str] = None",
        "passwords must be long",
        "key: value1234567",
        "[redacted: password]: @ or [redacted: bearer token]> ~",
        "sort_key = created_at_2024_01_01",
        "let key = map.keys().next1();",
        "password = hash1234(x)",
        "the password, and value1234: more",
    ]);
}
