/**
 * Schemas under the public names of Confluent's quickstarts, with the field names and types that are known of them; the values
 * are our own.
 */
interface Quickstart {
  /** Avro with arg.properties */
  readonly schema: string;
  readonly key: string;
}

type Type = string | { readonly [attribute: string]: unknown };
type Fields = Readonly<Record<string, Type>>;

const recordOf = (name: string, fields: Fields) => ({
  type: "record",
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
});
const quickstart = (name: string, key: string, fields: Fields): Quickstart => ({
  schema: JSON.stringify({ namespace: "ksql", ...recordOf(name, fields) }),
  key,
});
const typed = (type: string, args: unknown, more: Readonly<Record<string, unknown>> = {}): Type => ({
  type,
  ...more,
  "arg.properties": args,
});
const count = (type: string, start: number, step = 1) => typed(type, { iteration: { start, step } });
const range = (type: string, min: number, max: number) => typed(type, { range: { min, max } });
const matching = (regex: string) => typed("string", { regex });
const among = (...options: string[]) => typed("string", { options });
const kind = (name: "uuid" | "email" | "name") => typed("string", { kind: name });
const time = (start: number, step: number) => typed("long", { iteration: { start, step } }, { logicalType: "timestamp-millis" });

const year2024 = Date.UTC(2024, 0, 1);
const year2025 = Date.UTC(2025, 0, 1);
const firstName = among("Ana", "Ben", "Chi", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kim", "Leo");
const lastName = among("Abel", "Berg", "Cruz", "Dahl", "Endo", "Funk", "Gray", "Hart", "Ito", "Jung", "Kane", "Lund");
const city = among("Lisbon", "Osaka", "Quito", "Riga", "Turin", "Perth", "Accra", "Leeds");
const ip = matching("(1[0-9]{2}|[1-9][0-9])\\.(1[0-9]{2}|[1-9]?[0-9])\\.(1[0-9]{2}|[1-9]?[0-9])\\.([1-9][0-9])");
const userId = matching("User_[1-9]");
const user: Fields = {
  registertime: range("long", year2024, year2025),
  userid: userId,
  regionid: matching("Region_[1-9]"),
  gender: among("MALE", "FEMALE", "OTHER"),
};

export const quickstarts: Readonly<Record<string, Quickstart>> = {
  campaign_finance: quickstart("campaign_finance", "time", {
    time: range("long", year2024, year2025),
    cand_id: matching("C[0-9]{7}"),
    party_affiliation: among("DEM", "IND", "REP"),
    contribution: range("int", 10, 3000),
  }),
  clickstream: quickstart("clickstream", "ip", {
    ip,
    userid: range("int", 0, 40),
    remote_user: among("-"),
    time: count("string", 1),
    _time: count("long", 1),
    request: among("GET /index.html HTTP/1.1", "GET /search?q=tea HTTP/1.1", "POST /cart HTTP/1.1", "GET /images/tea.png HTTP/1.1"),
    status: among("200", "302", "404", "405", "406", "407"),
    bytes: typed("string", { options: ["128", "512", "2048", "4006", "14096"] }),
    referrer: among("-", "https://example.com/"),
    agent: among("Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0"),
  }),
  clickstream_codes: quickstart("clickstream_codes", "code", {
    code: typed("int", { options: [200, 302, 404, 405, 406, 407] }),
    definition: among("Successful", "Redirect", "Page not found", "Method not allowed", "Not acceptable", "Proxy authentication required"),
  }),
  clickstream_users: quickstart("clickstream_users", "user_id", {
    user_id: count("int", 1),
    username: matching("[a-z]{4,8}_[1-9][0-9]{1,3}"),
    registered_at: range("long", year2024, year2025),
    first_name: firstName,
    last_name: lastName,
    city,
    level: among("Silver", "Gold", "Platinum"),
  }),
  credit_cards: quickstart("credit_cards", "card_id", {
    card_id: count("long", 1),
    card_number: matching("4000-0000-[0-9]{4}-[0-9]{4}"),
    cvv: matching("[0-9]{3}"),
    expiration_date: matching("(0[1-9]|1[0-2])/(2[6-9]|3[0-2])"),
  }),
  device_information: quickstart("device_information", "device_ip", {
    device_ip: ip,
    mac_address: matching("02(:[0-9a-f]{2}){5}"),
    owner: kind("name"),
  }),
  fleet_mgmt_description: quickstart("fleet_mgmt_description", "vehicle_id", {
    vehicle_id: count("int", 1000),
    driver_name: kind("name"),
    license_plate: matching("[A-Z]{3}-[0-9]{4}"),
  }),
  fleet_mgmt_location: quickstart("fleet_mgmt_location", "vehicle_id", {
    vehicle_id: range("int", 1000, 10_000),
    location: recordOf("location", { latitude: range("double", -90, 90), longitude: range("double", -180, 180) }),
    ts: time(year2024, 1000),
  }),
  fleet_mgmt_sensors: quickstart("fleet_mgmt_sensors", "vehicle_id", {
    vehicle_id: range("int", 1000, 10_000),
    engine_temperature: range("int", 150, 250),
    average_rpm: range("int", 1800, 5000),
  }),
  gaming_games: quickstart("gaming_games", "id", {
    id: count("int", 1000),
    room_name: among("Alpine", "Basin", "Canyon", "Delta", "Estuary"),
    created_date: time(year2024, 100_000),
  }),
  gaming_player_activity: quickstart("gaming_player_activity", "player_id", {
    player_id: range("int", 1000, 5000),
    game_room_id: range("int", 1000, 5000),
    points: range("int", 10, 500),
    coordinates: matching("\\[[0-9]{2},[0-9]{2}\\]"),
  }),
  gaming_players: quickstart("gaming_players", "player_id", { player_id: count("int", 1000), player_name: kind("name"), ip }),
  insurance_customer_activity: quickstart("insurance_customer_activity", "activity_id", {
    activity_id: count("int", 1),
    customer_id: range("int", 1, 1000),
    activity_type: among("web_open", "mobile_open", "new_account"),
    propensity_to_churn: range("double", 0.01, 1),
    ip_address: ip,
  }),
  insurance_customers: quickstart("insurance_customers", "customer_id", {
    customer_id: count("int", 1),
    first_name: firstName,
    last_name: lastName,
    email: kind("email"),
    gender: among("female", "male", "other"),
    income: range("int", 20_000, 200_000),
    fico: range("int", 300, 850),
  }),
  insurance_offers: quickstart("insurance_offers", "offer_id", {
    offer_id: count("int", 1),
    offer_name: among("Home basic", "Home plus", "Car basic", "Car plus", "Travel"),
    offer_url: matching("https://insurance\\.example\\.com/offers/[1-9][0-9]{2}"),
  }),
  inventory: quickstart("inventory", "id", {
    id: count("long", 0),
    quantity: range("long", 1, 100),
    productid: count("long", 0),
  }),
  orders: quickstart("orders", "orderid", {
    ordertime: range("long", year2024, year2025),
    orderid: count("int", 0),
    itemid: matching("Item_[1-9][0-9]{0,2}"),
    orderunits: range("double", 0.1, 10),
    address: recordOf("address", {
      city: matching("City_[1-9][0-9]?"),
      state: matching("State_[1-9][0-9]?"),
      zipcode: range("long", 10_000, 100_000),
    }),
  }),
  pageviews: quickstart("pageviews", "viewtime", {
    viewtime: count("long", 1, 10),
    userid: userId,
    pageid: matching("Page_[1-9][0-9]?"),
  }),
  payroll_bonus: quickstart("payroll_bonus", "employee_id", {
    employee_id: count("int", 1000),
    bonus: range("int", 10, 50),
    ts: typed("long", { range: { min: year2024, max: year2025 } }, { logicalType: "timestamp-millis" }),
  }),
  payroll_employee: quickstart("payroll_employee", "employee_id", {
    employee_id: count("int", 1000),
    first_name: firstName,
    last_name: lastName,
    age: range("int", 18, 66),
    ssn: matching("9[0-9]{2}-[0-9]{2}-[0-9]{4}"),
    hourly_rate: range("int", 15, 60),
    gender: among("female", "male", "other"),
    email: kind("email"),
  }),
  payroll_employee_location: quickstart("payroll_employee_location", "employee_id", {
    employee_id: count("int", 1000),
    lab: matching("lab-[0-9]"),
    department_id: range("int", 1, 10),
    timestamp: typed("int", { range: { min: 19_000, max: 20_000 } }, { logicalType: "date" }),
  }),
  pizza_orders: quickstart("pizza_orders", "store_id", {
    store_id: range("int", 1, 10),
    store_order_id: count("int", 1000),
    coupon_code: range("int", 1000, 2000),
    date: typed("int", { range: { min: 19_000, max: 20_000 } }, { logicalType: "date" }),
    status: among("accepted"),
    order_lines: {
      type: "array",
      items: recordOf("order_line", {
        product_id: range("int", 1, 100),
        category: among("pizza", "salad", "wings", "dessert"),
        quantity: range("int", 1, 6),
        unit_price: range("double", 3, 30),
        net_price: range("double", 3, 180),
      }),
      "arg.properties": { length: { min: 1, max: 6 } },
    },
  }),
  pizza_orders_cancelled: quickstart("pizza_orders_cancelled", "store_id", {
    store_id: range("int", 1, 10),
    store_order_id: count("int", 1000),
    date: typed("int", { range: { min: 19_000, max: 20_000 } }, { logicalType: "date" }),
    status: among("cancelled"),
  }),
  pizza_orders_completed: quickstart("pizza_orders_completed", "store_id", {
    store_id: range("int", 1, 10),
    store_order_id: count("int", 1000),
    date: typed("int", { range: { min: 19_000, max: 20_000 } }, { logicalType: "date" }),
    status: among("completed"),
    rack_time_secs: range("int", 10, 600),
    order_delivery_time_secs: range("int", 600, 3600),
  }),
  product: quickstart("product", "id", {
    id: count("long", 0),
    name: among("lamp", "teapot", "rug", "bench", "kettle", "mirror", "basket", "stool"),
    description: count("string", 0),
    price: range("long", 2, 100),
  }),
  purchases: quickstart("purchases", "id", {
    id: count("long", 0),
    quantity: range("long", 1, 20),
    productid: count("long", 0),
    total: range("long", 5, 500),
  }),
  ratings: quickstart("ratings", "rating_id", {
    rating_id: count("long", 1),
    user_id: range("int", 1, 20),
    stars: range("int", 1, 5),
    route_id: range("int", 1, 10_000),
    rating_time: count("long", 1, 10),
    channel: among("web", "ios", "android", "ios-test"),
    message: among("on time and friendly", "a long wait at the gate", "the food was cold", "would fly again", "lost my bag"),
  }),
  shoe_clickstream: quickstart("shoe_clickstream", "product_id", {
    product_id: kind("uuid"),
    user_id: kind("uuid"),
    view_time: range("int", 10, 120),
    page_url: matching("https://shoes\\.example\\.com/product/[a-z]{5}"),
    ip,
    ts: time(year2024, 1000),
  }),
  shoe_customers: quickstart("shoe_customers", "id", {
    id: kind("uuid"),
    first_name: firstName,
    last_name: lastName,
    email: kind("email"),
    phone: matching("555-01[0-9]{2}"),
    street_address: matching("[1-9][0-9]{1,3} (Oak|Elm|Pine|Lake) (Street|Road)"),
    state: among("Ohio", "Texas", "Maine", "Utah"),
    zip_code: matching("[1-9][0-9]{4}"),
    country: among("United States"),
    country_code: among("US"),
  }),
  shoe_orders: quickstart("shoe_orders", "order_id", {
    order_id: count("int", 1000),
    product_id: kind("uuid"),
    customer_id: kind("uuid"),
    ts: time(year2024, 100_000),
  }),
  shoes: quickstart("shoes", "id", {
    id: kind("uuid"),
    brand: among("Alder", "Birch", "Cedar", "Maple"),
    name: matching("(Trail|City|Court|Track) (One|Pro|Max) [1-9][0-9]{2}"),
    sale_price: range("int", 4000, 20_000),
    rating: range("double", 1, 5),
  }),
  siem_logs: quickstart("siem_logs", "hostname", {
    hostname: matching("host-[1-9][0-9]?"),
    sourcetype: among("linux_secure", "access_combined", "firewall"),
    source: among("/var/log/secure", "/var/log/access.log", "udp:514"),
    message: matching("(accepted|refused) connection from 10\\.[0-9]{2}\\.[0-9]{2}\\.[0-9]{2}"),
    timestamp: count("long", year2024, 100),
  }),
  stock_trades: quickstart("stock_trades", "symbol", {
    side: among("BUY", "SELL"),
    quantity: range("int", 1, 5000),
    symbol: among("ZVV", "ZVZZT", "ZWZZT", "ZXZZT", "ZJZZT", "ZTEST"),
    price: range("int", 5, 1000),
    account: among("ABC123", "LMN456", "XYZ789"),
    userid: userId,
  }),
  stores: quickstart("stores", "store_id", { store_id: count("long", 1), city, state: among("North", "South", "East", "West") }),
  syslog_logs: quickstart("syslog_logs", "host", {
    name: matching("[a-z]{5,8}"),
    type: among("RFC5424", "RFC3164", "CEF", "UNKNOWN"),
    message: matching("[a-z]{4,7} [a-z]{4,7}"),
    host: ip,
    version: among("3.38.1"),
    tag: among(".source.s_local"),
    level: range("int", 0, 191),
    facility: among("authpriv", "cron", "syslog"),
    severity: range("int", 0, 8),
    appName: matching("[A-Z]{5,8}"),
    remoteAddress: ip,
    rawMessage: matching("[a-z]{4,7} [a-z]{4,7}"),
    processId: matching("[1-9][0-9]{3,5}"),
    messageId: matching("[1-9][0-9]{2}"),
    deviceVendor: matching("[a-z]{5}"),
    deviceProduct: matching("[a-z]{5}"),
    deviceVersion: matching("[1-5]\\.0"),
    timestamp: range("long", year2024, year2025),
  }),
  transactions: quickstart("transactions", "transaction_id", {
    transaction_id: count("long", 1),
    card_id: range("long", 1, 20),
    user_id: matching("User_[1-9]"),
    purchase_id: count("long", 0),
    store_id: range("int", 1, 8),
  }),
  users: quickstart("users", "userid", user),
  users_: quickstart("users", "userid", {
    ...user,
    interests: { type: "array", items: among("Cooking", "Games", "Movies", "News", "Sport"), "arg.properties": { length: 2 } },
    contactinfo: {
      type: "map",
      values: matching("[1-9][0-9]{4}"),
      "arg.properties": { length: 3, keys: { options: ["city", "phone", "state", "zipcode"] } },
    },
  }),
};
