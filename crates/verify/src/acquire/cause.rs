/// Why a pair is unknown, as a caseworker reads it; codes without words of their own are shown as they are.
pub(crate) fn cause_zh(code: &str) -> String {
    let text = match code {
        "over_budget" => "今日查询额度已用完",
        "maintenance" => "对方系统维护时段",
        "breaker_open" => "对方系统故障，暂停查询",
        "not_authorised" => "授权书不适用于该来源",
        "no_endpoint" => "未配置接口地址",
        "missing_secret" => "缺少接口密钥",
        "connect" => "无法连接",
        "timeout" => "超时未响应",
        "too_large" => "回复超出大小限制",
        "host_key" => "服务器身份不符",
        "certificate" => "服务器证书无效或已过期",
        "bad_secret" => "接口密钥格式不正确",
        "cipher" => "回复无法解密",
        "login" => "登录被拒绝",
        "template" | "batch" | "protocol" => "接口协议错误",
        "unclassified" => "回复无法识别",
        "empty_reply" => "回复为空",
        "refused_by_source" => "对方拒绝答复",
        "throttled" => "对方限流或暂停服务",
        "too_many_records" => "对方返回的记录过多",
        "contradiction" => "回复自相矛盾",
        "found_without_rows" => "回复称有记录但未给出",
        "unattributed_rows" => "回复中有无法归属的记录",
        "unhealthy_view" => "对方数据视图异常",
        "absent" => "回复中没有该人",
        "period_incomplete" => "查询期间不完整",
        "key_missing" => "缺少查询要素",
        "unencodable_name" => "姓名用字无法编码",
        "unencodable_value" => "查询要素无法编码",
        "name_too_long" => "姓名超出文件字段长度",
        "value_too_long" => "查询要素超出文件字段长度",
        "conflict" => "同名请求文件内容不一致",
        "locked" => "回盘文件无法解密",
        "due_passed" => "已过回复期限",
        "superseded" => "已由新的查询取代",
        "letter-missing" => "没有核对授权书",
        "letter-not-yet-valid" => "授权书尚未生效",
        "letter-expired" => "授权书已过期",
        "letter-revoked" => "授权书已撤销",
        "member-not-covered" => "授权书未包含该成员",
        "purpose-mismatch" => "授权用途不符",
        "scope-mismatch" => "授权范围不含该类信息",
        _ => {
            if let Some(reason) = hedui_connect::Reason::ALL.into_iter().find(|r| r.code() == code) {
                return reason.zh().to_owned();
            }
            if let Some(status) = code.strip_prefix("http_") {
                return format!("接口返回状态 {status}");
            }
            return code.to_owned();
        }
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use hedui_connect::Cause;

    use super::*;

    #[test]
    fn every_cause_of_a_failed_call_has_words_for_a_caseworker() {
        let causes = [
            Cause::NoEndpoint,
            Cause::MissingSecret,
            Cause::Connect,
            Cause::Timeout,
            Cause::Status(503),
            Cause::TooLarge,
            Cause::HostKey,
            Cause::Certificate,
            Cause::Login,
            Cause::BadSecret,
            Cause::Template,
            Cause::Cipher,
            Cause::Batch,
            Cause::Protocol,
            Cause::NotAuthorised,
        ];
        for cause in causes {
            let code = cause.to_string();
            assert_ne!(cause_zh(&code), code);
        }
    }
}
